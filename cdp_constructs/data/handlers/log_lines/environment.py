"""The environment of the function."""

import os
from dataclasses import dataclass

__all__ = ["Environment"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The function's variables."""

    function_name: str

    @classmethod
    def read(cls) -> "Environment":
        """Return what the variables of this process say."""
        return cls(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
