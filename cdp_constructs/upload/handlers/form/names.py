"""Names of uploads: who owns them, their ids, and file names that are harmless everywhere."""

import re
import secrets
import time
import unicodedata
import uuid
from pathlib import PurePosixPath

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:=@+-]{0,127}")
# What looks like a slash, or is one elsewhere, separates folders too.
_SEPARATORS = dict.fromkeys(map(ord, "\\\uff0f\uff3c\u2044\u2215\u29f5\u29f8\ufe68"), "/")
_LONGEST_NAME = 100
_LONGEST_EXTENSION = 16
# What file systems take.
_MOST_BYTES = 255
# Joiners belong to the spelling of Persian and of Indic scripts, and with skin tones to pictographs.
_JOINERS = "\u200c\u200d"
_KEPT = f". -_{_JOINERS}\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
# Between others nobody would see them.
_JOINER = re.compile(rf"(?:(?<![^\x00-\x7f{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\x00-\x7f{_JOINERS}]))")
_ENDS = ". "
# Windows opens a device by these names, whatever the extension.
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³")}


def is_owner(owner: object) -> bool:
    """Tell whether this can be the folder of a user: 1 to 128 letters, digits or ``_.:=@+-``, and no slash."""
    return isinstance(owner, str) and _OWNER.fullmatch(owner) is not None


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562): ids sort by the millisecond in which they were made."""
    if hasattr(uuid, "uuid7"):  # Python 3.14, as in Lambda
        return str(uuid.uuid7())
    milliseconds, more, most = time.time_ns() // 1_000_000, secrets.randbits(12), secrets.randbits(62)
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | more << 64 | 0b10 << 62 | most))


def safe_name(name: str) -> str:
    """Return the last component of a file name without anything that a shell, a header or a browser could mistake.

    Letters, marks and digits of every script and pictographs stay; everything else but ``. - _`` and space becomes
    ``_``. A name that was made so stays as it is.
    """
    last = unicodedata.normalize("NFC", name).translate(_SEPARATORS).rpartition("/")[2]
    clean = "".join(character if _is_harmless(character) else "_" for character in last)
    clean = _JOINER.sub("_", clean).strip(_ENDS)
    extension = _cut(PurePosixPath(clean).suffix, _LONGEST_EXTENSION).rstrip(_ENDS)
    stem = PurePosixPath(clean).stem
    if stem.partition(".")[0].rstrip().upper() in _DEVICES:
        stem = f"_{stem}"
    stem = _cut(stem, _LONGEST_NAME - len(extension), _MOST_BYTES - len(extension.encode()))
    return f"{stem}{extension}".rstrip(_ENDS) or "file"


def _is_harmless(character: str) -> bool:
    category = unicodedata.category(character)
    return character in _KEPT or category[0] in "LMN" or category == "So"


def _cut(text: str, characters: int, most_bytes: int = _MOST_BYTES) -> str:
    return text[:characters].encode()[:most_bytes].decode(errors="ignore")
