"""What the functions of a self-healing site need to know, read once."""

import json
import os
from dataclasses import dataclass

__all__ = ["Environment"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The functions' variables."""

    function_name: str
    bucket: str
    source_bucket: str
    distribution_id: str
    pause_parameter: str
    longest_pause_s: int
    ignored_prefixes: tuple[str, ...]
    encryption: tuple[str, str] | None
    """How S3 encrypts what is served, and with which key; None where that is not known."""
    own_roles: frozenset[str]
    """Who changes the site by right: ARNs of roles."""

    @classmethod
    def read(cls) -> "Environment":
        """Return what the variables of this process say."""
        encryption = json.loads(os.environ["ENCRYPTION"])
        return cls(
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            bucket=os.environ["BUCKET"],
            source_bucket=os.environ["SOURCE_BUCKET"],
            distribution_id=os.environ["DISTRIBUTION_ID"],
            pause_parameter=os.environ["PAUSE_PARAMETER"],
            longest_pause_s=int(os.environ["LONGEST_PAUSE_S"]),
            ignored_prefixes=tuple(json.loads(os.environ["IGNORED_PREFIXES"])),
            encryption=None if encryption is None else (encryption[0], encryption[1]),
            own_roles=frozenset(json.loads(os.environ["OWN_ROLES"]) if "OWN_ROLES" in os.environ else ()),
        )
