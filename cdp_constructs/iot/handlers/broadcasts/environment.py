"""What the function knows about its fleet."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic_core import from_json


@dataclass(frozen=True)
class Environment:
    """The variables of the function, read once."""

    app: str
    """The application level of topics."""
    groups: Mapping[str, str]
    """ARN of the thing group by context; ``all`` is the group of every device."""
    job_prefix: str
    """The beginning of the ids of this function's jobs."""

    @classmethod
    def read(cls) -> Self:
        """Read the variables."""
        return cls(
            app=os.environ["APP"],
            groups=from_json(os.environ["GROUPS"]),
            job_prefix=os.environ["JOB_PREFIX"],
        )
