"""What the function needs to know, read once."""

import json
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """Whether verified addresses are linked, and the names of the providers."""

    function_name: str
    links: bool
    providers: tuple[str, ...]

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        links, providers = (json.loads(os.environ[name]) for name in ("LINKS", "PROVIDERS"))
        return cls(os.environ["AWS_LAMBDA_FUNCTION_NAME"], bool(links), tuple(providers))
