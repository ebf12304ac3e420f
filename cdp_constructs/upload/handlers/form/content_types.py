"""Content types as browsers and operating systems name them, as the one name that is accepted."""

from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath

_ALIASES = {
    "application/x-gzip": "application/gzip",
    "application/x-pdf": "application/pdf",
    "application/x-zip": "application/zip",
    "application/x-zip-compressed": "application/zip",
    "audio/mp3": "audio/mpeg",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "audio/x-wav": "audio/wav",
    "image/apng": "image/png",
    "image/avif-sequence": "image/avif",
    "image/heif": "image/heic",
    "image/jpg": "image/jpeg",
    "image/mpo": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-bmp": "image/bmp",
    "image/x-icon": "image/vnd.microsoft.icon",
    "image/x-ms-bmp": "image/bmp",
    "image/x-png": "image/png",
    "text/comma-separated-values": "text/csv",
    "video/x-m4v": "video/mp4",
}
# Windows with Office calls a CSV file so, and a file that it does not know nothing or bytes.
_BY_EXTENSION_ONLY = {"", "application/octet-stream", "application/vnd.ms-excel", "binary/octet-stream"}
_EXTENSIONS = {
    ".apng": "image/png",
    ".avif": "image/avif",
    ".avifs": "image/avif",
    ".bmp": "image/bmp",
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".heif": "image/heic",
    ".ico": "image/vnd.microsoft.icon",
    ".jfif": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpo": "image/jpeg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}


def accepted_type(given: str, name: str, accepted: AbstractSet[str]) -> str | None:
    """Return the accepted type that a browser means, or None; the bytes are checked against it later.

    Args:
        given: What the browser says, perhaps with parameters, in any case, or nothing.
        name: The file's name, which decides where the browser says nothing of use.
        accepted: The types that are accepted.
    """
    bare = given.partition(";")[0].strip().lower()
    if bare in accepted:
        return bare
    meant = _ALIASES.get(bare)
    if bare in _BY_EXTENSION_ONLY:
        meant = _EXTENSIONS.get(PurePosixPath(name).suffix.lower())
    return meant if meant in accepted else None
