"""What the function needs to know, read once at start."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Environment:
    """Whose key signs, for which host, and what users may see."""

    cookie_domain: str
    """Where the API may set cookies that the distribution gets; empty when there is no such domain."""
    domain_name: str
    signing_secret: str
    user_prefix: str
    """Paths that a user may see; ``{sub}`` is the subject of the user's token."""

    @classmethod
    def read(cls) -> Self:
        """Read the environment that the construct gives to the function."""
        return cls(
            cookie_domain=os.environ.get("COOKIE_DOMAIN", ""),
            domain_name=os.environ["DOMAIN_NAME"],
            signing_secret=os.environ["SIGNING_SECRET"],
            user_prefix=os.environ["USER_PREFIX"],
        )
