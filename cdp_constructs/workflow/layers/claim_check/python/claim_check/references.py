"""What stands in a state for a payload, and what is wrong with it when it cannot be read."""

import hashlib
import re
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["InvalidReferenceError", "MissingPayloadError", "Reference", "digest_of", "read_reference"]

_NAME = "claim_check"
_DIGEST = re.compile("[0-9a-f]{64}")


class InvalidReferenceError(ValueError):
    """A reference is malformed, names what the function does not read, or its payload was changed."""


class MissingPayloadError(LookupError):
    """The payload of a reference expired, was deleted, or may not be read by the function."""


@dataclass(frozen=True)
class Reference:
    """Where a payload is, and what it is.

    Attributes:
        bucket: The bucket.
        key: The key of the object.
        bytes: How large it is.
        sha256: What it is known by, in hexadecimal digits.
    """

    bucket: str
    key: str
    bytes: int
    sha256: str

    def written(self) -> dict[str, Any]:
        """Return it as a state has it."""
        return {_NAME: asdict(self)}


def read_reference(value: Any) -> Reference | None:
    """Return the reference that a value of a state is; None for what is none.

    Raises:
        InvalidReferenceError: for what would be one and is malformed.
    """
    if not isinstance(value, dict) or set(value) != {_NAME} or not isinstance(value[_NAME], dict):
        return None
    given = value[_NAME]
    texts = all(isinstance(given.get(name), str) and given[name] for name in ("bucket", "key", "sha256"))
    if (
        set(given) != {"bucket", "key", "bytes", "sha256"}
        or not texts
        or not isinstance(given["bytes"], int)
        or not _DIGEST.fullmatch(given["sha256"])
    ):
        raise InvalidReferenceError("the reference needs bucket, key, bytes and sha256, and nothing else")
    return Reference(**given)


def digest_of(content: bytes) -> str:
    """Return what a reference knows its payload by."""
    return hashlib.sha256(content).hexdigest()
