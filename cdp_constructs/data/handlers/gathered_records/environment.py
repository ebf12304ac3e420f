"""The environment of the function."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Environment"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The function's variables."""

    function_name: str
    bucket: str
    prefix: str
    """Below which measurements are kept that do not fit."""
    columns: Mapping[str, str]
    """Types of the table's columns by their names."""

    @classmethod
    def read(cls) -> "Environment":
        """Return what the variables of this process say."""
        return cls(
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            bucket=os.environ["BUCKET_NAME"],
            prefix=os.environ["KEY_PREFIX"],
            columns=json.loads(os.environ["COLUMNS"]),
        )
