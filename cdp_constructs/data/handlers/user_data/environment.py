"""What the function needs to know, read once at start."""

import json
import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Environment:
    """Where documents are, and what one user may keep."""

    bucket: str
    table: str
    content_types: frozenset[str]
    largest: int
    """Bytes of a document."""
    inline: int
    """Bytes of a document up to which it is in the table, and beyond which it is in the bucket."""
    documents_per_user: int
    bytes_per_user: int
    writes_per_minute: int
    """Of one user."""

    @classmethod
    def read(cls) -> Self:
        """Read the environment that the construct gives to the function."""
        return cls(
            bucket=os.environ["BUCKET"],
            table=os.environ["TABLE_NAME"],
            content_types=frozenset(json.loads(os.environ["CONTENT_TYPES"])),
            largest=int(os.environ["LARGEST_BYTES"]),
            inline=int(os.environ["INLINE_BYTES"]),
            documents_per_user=int(os.environ["DOCUMENTS_PER_USER"]),
            bytes_per_user=int(os.environ["BYTES_PER_USER"]),
            writes_per_minute=int(os.environ["WRITES_PER_MINUTE"]),
        )
