"""What the function needs to know, read once at start."""

import json
import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Environment:
    """The rules of the upload, and where files go."""

    bucket: str
    content_types: frozenset[str]
    expires_in: int
    """Seconds for which a form can be used."""
    incoming_prefix: str
    max_bytes: int

    @classmethod
    def read(cls) -> Self:
        """Read the environment that the construct gives to the function."""
        return cls(
            bucket=os.environ["BUCKET"],
            content_types=frozenset(json.loads(os.environ["CONTENT_TYPES"])),
            expires_in=int(os.environ["EXPIRES_IN"]),
            incoming_prefix=os.environ["INCOMING_PREFIX"],
            max_bytes=int(os.environ["MAX_BYTES"]),
        )
