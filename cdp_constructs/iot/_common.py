"""What the parts of the patterns for devices share: the options that every pattern has, checks, and table grants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdp_constructs.core.cdk import dynamodb, iam, kms, logs, sns
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.tables import key_of
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.iot.topics import EVERYONE, InvalidTopicError, TopicSpace, check_level

if TYPE_CHECKING:
    from aws_cdk import RemovalPolicy
    from constructs import Construct

# The groups of all contexts are variables of the functions, which take 4 KB.
_MOST_CONTEXTS = 40


@dataclass(frozen=True)
class CommonOptions:
    """The options that every pattern has, for its parts."""

    encryption_key: "kms.IKey | None"
    table_key: "kms.IKey | None"
    """What the pattern's table was created with; None for an existing table."""
    alarm_topic: "sns.ITopic | None"
    log_retention: "logs.RetentionDays"
    removal_policy: "RemovalPolicy"


def check_topics(construct: "Construct", app: str, contexts: Sequence[str]) -> tuple[TopicSpace, tuple[str, ...]]:
    """Return the topics of an application and its contexts.

    Raises:
        InvalidOptionError: for levels that topics cannot have, for no context, and for more than 40.
    """
    if isinstance(contexts, str) or not contexts:
        raise InvalidOptionError(construct, "contexts", f"is {contexts!r}", 'Name each site or group, such as ["home"]')
    if len(contexts) > _MOST_CONTEXTS:
        raise InvalidOptionError(
            construct, "contexts", f"has {len(contexts)} names", f"Use at most {_MOST_CONTEXTS}, or a second fleet"
        )
    for context in contexts:
        check_option(construct, "contexts", context, listed=True)
        if context == EVERYONE or list(contexts).count(context) > 1:
            raise InvalidOptionError(
                construct, "contexts", f"contains {context!r}", f"Use each name once, and not {EVERYONE!r}"
            )
    check_option(construct, "app", app)
    return TopicSpace(app), tuple(contexts)


def check_kind(construct: "Construct", kind: str) -> None:
    """Check a type of messages; ``+`` is every type.

    Raises:
        InvalidOptionError: for a level that topics cannot have.
    """
    if kind != "+":
        check_option(construct, "kind", kind)


def check_option(
    construct: "Construct",
    option: str,
    value: str,
    check: Callable[[str, str], object] = check_level,
    *,
    listed: bool = False,
) -> None:
    """Check an option, or an entry of one that is a list, that is a level of a topic.

    Raises:
        InvalidOptionError: with what the grammar of topics says about the value.
    """
    try:
        check(option, value)
    except InvalidTopicError as error:
        _, _, fix = str(error).partition("; ")
        problem = f"contains {value!r}" if listed else f"is {value!r}"
        raise InvalidOptionError(construct, option, problem, fix[:1].upper() + fix[1:]) from error


def allow_items(
    table: "dynamodb.ITable", grantee: "iam.IGrantable", *actions: str, encryption_key: "kms.IKey | None"
) -> "iam.Grant":
    """Let a function do something with the items of a table, and use the table's key when it has one.

    Args:
        table: The table.
        grantee: The function.
        actions: What it does.
        encryption_key: What the table was created with; None for an existing one.
    """
    grant = table.grant(grantee, *actions)
    key = key_of(table, encryption_key)
    return grant if key is None else grant.combine(key.grant(grantee, *USE_TABLE_KEY))
