"""Where the parts of a fan-out are: Regions that must match, and names that two Regions can write down."""

from functools import cache
from typing import TYPE_CHECKING

from aws_cdk import Names, Token

from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.validation import InvalidOptionError

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns
    from constructs import Construct, IConstruct

_LONGEST_QUEUE_NAME = 80


def is_other_region(construct: "Construct", scope: "Construct") -> bool:
    """Tell whether ``scope`` is in another Region than ``construct``.

    Raises:
        InvalidOptionError: when that is not known at synthesis, or the accounts differ.
    """
    here, there = stack_of(construct), stack_of(scope)
    if here is there or (here.region == there.region and here.account == there.account):
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
    its_region = _region_of(topic)  # type: ignore[arg-type]  # jsii's protocols do not say that they can be hashed
    if its_region == region or Token.is_unresolved(region) or Token.is_unresolved(its_region):
        return
    raise InvalidOptionError(construct, option, f"is in {its_region}, but the stack is in {region}", fix)


@cache
def _region_of(topic: "sns.ITopic") -> str:
    # Asked once: the fan-outs of a system share an alarm topic.
    return topic.env.region


def physical_name(construct: "IConstruct", *, fifo: bool) -> str:
    """Return a name for a queue or topic that only depends on the construct's path."""
    suffix = ".fifo" if fifo else ""
    return Names.unique_resource_name(construct, max_length=_LONGEST_QUEUE_NAME - len(suffix), separator="-") + suffix
