"""What the function knows about its fleet."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from pydantic_core import from_json


@dataclass(frozen=True)
class Environment:
    """The variables of the function, read once."""

    function_name: str
    allow_list: str
    """Name of the table."""
    certificates: str
    """ARN of certificates, without the slash and the id."""
    claim_window: timedelta
    """How long after its first claim a device may claim again."""
    groups: Mapping[str, str]
    """Name of the thing group by context."""

    @classmethod
    def read(cls) -> Self:
        """Read the variables."""
        return cls(
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            allow_list=os.environ["ALLOW_LIST"],
            certificates=os.environ["CERTIFICATES"],
            claim_window=timedelta(seconds=int(os.environ["CLAIM_WINDOW_SECONDS"])),
            groups=from_json(os.environ["GROUPS"]),
        )
