"""What the function needs to know, read once at start."""

import json
import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Environment:
    """The rules of the upload, the prefixes of the bucket, and the topic of accepted uploads."""

    accepted_prefix: str
    content_types: frozenset[str]
    max_bytes: int
    quarantine_prefix: str
    text_encodings: tuple[str, ...]
    """Of files whose type is text."""
    topic_arn: str

    @classmethod
    def read(cls) -> Self:
        """Read the environment that the construct gives to the function."""
        return cls(
            accepted_prefix=os.environ["ACCEPTED_PREFIX"],
            content_types=frozenset(json.loads(os.environ["CONTENT_TYPES"])),
            max_bytes=int(os.environ["MAX_BYTES"]),
            quarantine_prefix=os.environ["QUARANTINE_PREFIX"],
            text_encodings=tuple(json.loads(os.environ["TEXT_ENCODINGS"])),
            topic_arn=os.environ["TOPIC_ARN"],
        )
