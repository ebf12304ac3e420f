"""What both transports check: the names of namespaces, who signs in, and that there is something to publish to."""

from collections.abc import Mapping

from aws_cdk import Token
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.user_pools import check_user_pool
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.realtime.handlers.channels.grammar import is_segment

_NAMESPACES = "https://docs.aws.amazon.com/appsync/latest/eventapi/channel-namespaces.html"


def check_namespace(construct: "Construct", name: str, namespaces: Mapping[str, object]) -> None:
    """Refuse a name that cannot be the first segment of a channel, or that is taken.

    Raises:
        InvalidOptionError: naming the rule.
    """
    if Token.is_unresolved(name) or not is_segment(name):
        raise InvalidOptionError(
            construct,
            "name",
            f"is {name!r}",
            f"Use 1 to 50 letters, digits and dashes, with no dash at either end, such as rooms ({_NAMESPACES})",
        )
    if name in namespaces:
        raise InvalidOptionError(construct, "name", f"is {name!r}, which was added before", "Use another name")
    if construct.node.try_find_child(name) is not None:
        raise InvalidOptionError(
            construct, "name", f"is {name!r}, which is a part of this construct", "Use another name"
        )


def check_has_namespaces(construct: "Construct", what: str, namespaces: Mapping[str, object]) -> None:
    """Refuse to grant what does not exist yet: a grant that covers nothing is a mistake in the order of calls.

    Raises:
        InvalidOptionError: when there is no namespace.
    """
    if not namespaces:
        raise InvalidOptionError(construct, what, "was called before any namespace", "Call add_namespace() first")


def check_issuer(construct: "Construct", issuer: "cdp_constructs.TokenIssuer") -> tuple[str, str]:
    """Return the id and the Region of the user pool behind an issuer.

    Raises:
        InvalidOptionError: for an issuer that is no user pool, or that accepts tokens of no app client, which would
            mean any.
    """
    user_pool = check_user_pool(construct, issuer)
    if not issuer.audience:
        raise InvalidOptionError(
            construct,
            "issuer.audience",
            f"is {list(issuer.audience)!r}",
            "Name the app clients whose users may connect: TokenIssuer.of_user_pool(user_pool, app_client)",
        )
    return user_pool
