"""What the function needs to know, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic_core import from_json


@dataclass(frozen=True)
class Environment:
    """Where subscriptions are kept, and who decides about them."""

    table_name: str
    subscribe_handlers: Mapping[str, str]
    """ARN of the function that decides, by namespace."""

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        return cls(os.environ["TABLE_NAME"], from_json(os.environ.get("SUBSCRIBE_HANDLERS", "{}")))
