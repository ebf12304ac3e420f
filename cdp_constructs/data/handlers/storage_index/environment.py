"""The environment of the functions of the index."""

import os
from dataclasses import dataclass

__all__ = ["Environment"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The functions' variables."""

    function_name: str
    bucket: str
    prefix: str
    table_name: str
    owner_metadata: str | None
    """Names an object's owner; None where that is the first part of its key."""

    @classmethod
    def read(cls) -> "Environment":
        """Return what the variables of this process say."""
        return cls(
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            bucket=os.environ["BUCKET"],
            prefix=os.environ["PREFIX"],
            table_name=os.environ["TABLE_NAME"],
            owner_metadata=os.environ.get("OWNER_METADATA"),
        )
