"""What the function needs to know."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The function's variables."""

    workgroup: str
    database: str
    table: str
    columns: Mapping[str, str]
    bucket: str
    prefix: str
    copy_role: str

    @classmethod
    def read(cls) -> "Environment":
        """Return what the variables of this process say."""
        return cls(
            workgroup=os.environ["WORKGROUP"],
            database=os.environ["DATABASE"],
            table=os.environ["TABLE"],
            columns=json.loads(os.environ["COLUMNS"]),
            bucket=os.environ["BUCKET"],
            prefix=os.environ["PREFIX"],
            copy_role=os.environ["COPY_ROLE"],
        )
