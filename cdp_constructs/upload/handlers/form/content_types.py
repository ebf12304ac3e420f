"""Content types as browsers and operating systems name them, as the one name that is accepted."""

from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath

_ALIASES = {
    "application/acrobat": "application/pdf",
    "application/csv": "text/csv",
    "application/vnd.pdf": "application/pdf",
    "application/x-csv": "text/csv",
    "application/x-gunzip": "application/gzip",
    "application/x-gzip": "application/gzip",
    "application/x-json": "application/json",
    "application/x-pdf": "application/pdf",
    "application/x-zip": "application/zip",
    "application/x-zip-compressed": "application/zip",
    "audio/m4a": "audio/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/mp4a-latm": "audio/mp4",
    "audio/mpeg3": "audio/mpeg",
    "audio/vnd.wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "image/apng": "image/png",
    "image/avif-sequence": "image/avif",
    "image/heic-sequence": "image/heic",
    "image/heif": "image/heic",
    "image/heif-sequence": "image/heic",
    "image/jfif": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/mpo": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-bmp": "image/bmp",
    "image/x-icon": "image/vnd.microsoft.icon",
    "image/x-ms-bmp": "image/bmp",
    "image/x-png": "image/png",
    "multipart/x-zip": "application/zip",
    "text/comma-separated-values": "text/csv",
    "text/json": "application/json",
    "text/x-csv": "text/csv",
    "text/x-json": "application/json",
    "video/x-m4v": "video/mp4",
    "video/x-quicktime": "video/quicktime",
}
# Windows with Office calls a CSV file so, and a file that it does not know nothing or bytes; download tools keep their
# own names, and text may be any of its kinds.
_BY_EXTENSION_ONLY = {
    "",
    "application/download",
    "application/force-download",
    "application/octet-stream",
    "application/vnd.ms-excel",
    "application/x-download",
    "binary/octet-stream",
    "text/plain",
}
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
    ".tgz": "application/gzip",
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
