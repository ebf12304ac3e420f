"""What both transports check: the names of namespaces, who signs in, and who may publish."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aws_cdk import Token

from cdp_constructs.core.validation import InvalidOptionError

if TYPE_CHECKING:
    from aws_cdk import aws_cognito as cognito
    from constructs import Construct

# A segment of a channel: https://docs.aws.amazon.com/appsync/latest/eventapi/channel-namespaces.html
_SEGMENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?")
_NAMESPACES = "https://docs.aws.amazon.com/appsync/latest/eventapi/channel-namespaces.html"


def check_namespace(construct: "Construct", name: str, namespaces: Mapping[str, object]) -> None:
    """Refuse a name that cannot be the first segment of a channel, or that is taken.

    Raises:
        InvalidOptionError: naming the rule.
    """
    if Token.is_unresolved(name) or not _SEGMENT.fullmatch(name):
        raise InvalidOptionError(
            construct,
            "name",
            f"is {name!r}",
            f"Use 1 to 50 letters, digits and dashes, with no dash at either end, such as rooms ({_NAMESPACES})",
        )
    if name in namespaces:
        raise InvalidOptionError(construct, "name", f"{name!r} is there already", "Give each namespace its own name")


def check_has_namespaces(construct: "Construct", what: str, namespaces: Mapping[str, object]) -> None:
    """Refuse to grant what does not exist yet: a grant that covers nothing is a mistake in the order of calls.

    Raises:
        InvalidOptionError: when there is no namespace.
    """
    if not namespaces:
        raise InvalidOptionError(construct, what, "was called before any namespace", "Call add_namespace() first")


def client_ids(construct: "Construct", clients: "Sequence[cognito.IUserPoolClient]") -> list[str]:
    """Return the ids of the app clients whose tokens are accepted.

    Raises:
        InvalidOptionError: for no client at all, which would accept the tokens of any client of the pool.
    """
    if not clients:
        raise InvalidOptionError(
            construct, "user_pool_clients", "is empty", "Name the app clients whose users may connect"
        )
    return [client.user_pool_client_id for client in clients]


def pool_region(construct: "Construct", pool: "cognito.IUserPool", region: str | None) -> str:
    """Return where the user pool is.

    Raises:
        InvalidOptionError: when the Region that was given is not the one that the pool is known to be in.
    """
    known = pool.env.region
    if region is None:
        return known
    unresolved = Token.is_unresolved(known) or Token.is_unresolved(region)
    # Only what is made in this app has an L1 below it; an imported pool claims the Region of the stack that imports.
    if not unresolved and known != region and pool.node.default_child is not None:
        raise InvalidOptionError(
            construct, "user_pool_region", f"is {region}, but the user pool is made in {known}", "Leave it out"
        )
    return region
