"""Where the parts of a fan-out are: Regions that must match, and names that two Regions can write down."""

from typing import TYPE_CHECKING

from aws_cdk import Names, Stack, Token

from cdp_constructs._defaults.validation import InvalidOptionError

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns
    from constructs import Construct

_LONGEST_QUEUE_NAME = 80


def is_other_region(construct: "Construct", scope: "Construct | None") -> bool:
    """Tell whether ``scope`` is in another Region than ``construct``.

    Raises:
        InvalidOptionError: when that is not known at synthesis, or the accounts differ.
    """
    if scope is None:
        return False
    here, there = Stack.of(construct), Stack.of(scope)
    if here.region == there.region and here.account == there.account:
        return False
    unknown = Token.is_unresolved(here.region) or Token.is_unresolved(there.region)
    if unknown or here.account != there.account:
        raise InvalidOptionError(
            construct,
            "scope",
            f"{there.node.path!r} is in {there.environment}, this fan-out in {here.environment}",
            "Give both stacks a Region and the same account, or the same stack",
        )
    return True


def check_region(construct: "Construct | str", option: str, topic: "sns.ITopic | None", region: str, fix: str) -> None:
    """Refuse a topic that is known to be in another Region.

    Raises:
        InvalidOptionError: naming both Regions.
    """
    if topic is None:
        return
    its_region = topic.env.region
    if its_region == region or Token.is_unresolved(region) or Token.is_unresolved(its_region):
        return
    raise InvalidOptionError(construct, option, f"is in {its_region}, but the stack is in {region}", fix)


def physical_name(construct: "Construct", *, fifo: bool) -> str:
    """Return a name for a queue or topic that only depends on the construct's path."""
    suffix = ".fifo" if fifo else ""
    return Names.unique_resource_name(construct, max_length=_LONGEST_QUEUE_NAME - len(suffix), separator="-") + suffix
