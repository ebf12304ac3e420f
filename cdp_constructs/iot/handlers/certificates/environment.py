"""What the function knows about its fleet."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic_core import from_json


@dataclass(frozen=True)
class Environment:
    """The variables of the function, read once."""

    allow_list: str
    """Name of the table."""
    certificates: str
    """ARN of certificates, without the slash and the id."""
    groups: Mapping[str, str]
    """Name of the thing group by context."""
    policies: Sequence[str]
    """Names of the policies of devices."""
    thing_type: str

    @classmethod
    def read(cls) -> Self:
        """Read the variables."""
        return cls(
            allow_list=os.environ["ALLOW_LIST"],
            certificates=os.environ["CERTIFICATES"],
            groups=from_json(os.environ["GROUPS"]),
            policies=from_json(os.environ["POLICIES"]),
            thing_type=os.environ["THING_TYPE"],
        )
