"""Names of uploads: who owns them, their ids, and file names that are harmless everywhere."""

import re
import secrets
import time
import unicodedata
import uuid
from pathlib import PurePosixPath

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:=@+-]{0,127}")
_LONGEST_NAME = 100
_LONGEST_EXTENSION = 16


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

    Letters and digits of every script stay; everything else but ``. - _`` and space becomes ``_``.
    """
    last = unicodedata.normalize("NFKC", name).replace("\\", "/").rpartition("/")[2]
    clean = re.sub(r"[^\w.\- ]", "_", last).strip(". ")
    extension = PurePosixPath(clean).suffix[:_LONGEST_EXTENSION]
    return f"{PurePosixPath(clean).stem[: _LONGEST_NAME - len(extension)]}{extension}" or "file"
