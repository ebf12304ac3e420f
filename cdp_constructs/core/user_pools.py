"""The user pool behind an issuer of tokens."""

from constructs import Construct

import cdp_constructs
from cdp_constructs.core.meanings import note_region
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["check_user_pool"]


def check_user_pool(construct: "Construct", issuer: "cdp_constructs.TokenIssuer") -> tuple[str, str]:
    """Return the id and the Region of the user pool behind an issuer.

    Raises:
        InvalidOptionError: for an issuer that is not known to be a user pool.
    """
    if issuer.user_pool_id is None or issuer.region is None:
        raise InvalidOptionError(
            construct,
            "issuer",
            f"is {issuer.url}, which is not known to be a user pool",
            "Give SignInUserPool(…).issuer or TokenIssuer.of_user_pool(user_pool, app_client)",
        )
    note_region(construct, "issuer.region", issuer.region)
    return issuer.user_pool_id, issuer.region
