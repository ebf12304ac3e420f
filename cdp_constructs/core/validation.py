"""Checks of options at construction, with one shape of message: what is wrong, the value, the fix."""

from collections.abc import Mapping

from aws_cdk import Duration, IResource, RemovalPolicy, Stack, Token
from constructs import Construct

from cdp_constructs.core.paths import region_of, stack_of

_PARTS_OF_AN_ARN = 6


class InvalidOptionError(ValueError):
    """An option of a pattern cannot work on AWS.

    The message names the construct's path, the option, the value it got, and a value that would work.
    """

    def __init__(self, construct: "Construct | str", option: str, problem: str, fix: str) -> None:
        """Build the message.

        Args:
            construct: The construct that was given the option, or its path while it does not exist yet.
            option: The option's name as the caller wrote it.
            problem: What is wrong, including the value.
            fix: What to write instead.
        """
        path = construct if isinstance(construct, str) else construct.node.path
        self.option = option
        super().__init__(f"{path or 'App'}: {option} {problem}. {fix}.")


def check_range(
    construct: "Construct | str",
    option: str,
    value: float,
    *,
    low: float,
    high: float,
    unit: str,
    source: str,
) -> None:
    """Refuse a number outside ``low``..``high`` (both included); tokens are left for AWS to judge.

    Raises:
        InvalidOptionError: naming the range and the AWS limit (``source``) that sets it.
    """
    # A token is a number far below every range: only what is outside is worth a question to Node.
    if low <= value <= high or Token.is_unresolved(value):
        return
    raise InvalidOptionError(construct, option, f"is {value:g} {unit}", f"Use {low:,} to {high:,} {unit} ({source})")


def check_duration(
    construct: "Construct | str",
    option: str,
    value: Duration,
    *,
    low: Duration,
    high: Duration,
    source: str,
) -> None:
    """Refuse a duration outside ``low``..``high`` (both included).

    Raises:
        InvalidOptionError: naming the range in seconds and the AWS limit that sets it.
    """
    if value.is_unresolved():
        return
    check_range(
        construct,
        option,
        value.to_seconds(),
        low=low.to_seconds(),
        high=high.to_seconds(),
        unit="seconds",
        source=source,
    )


def check_exclusive(
    construct: "Construct | str", given: Mapping[str, object], creation_only: Mapping[str, object]
) -> None:
    """Refuse options that configure a new resource when an existing one was given.

    Args:
        construct: The pattern.
        given: The existing resource by option name; nothing is checked when its value is None.
        creation_only: Options that only make sense for creation, by name. None, and ``RemovalPolicy.RETAIN``, which is
            what an existing resource gets anyway, count as not given.

    Raises:
        InvalidOptionError: for the first creation-only option given beside an existing resource.
    """
    existing = [name for name, value in given.items() if value is not None]
    if not existing:
        return
    for name, value in creation_only.items():
        if value is not None and value is not RemovalPolicy.RETAIN:
            raise InvalidOptionError(
                construct,
                name,
                f"was given together with {existing[0]}",
                f"An existing resource is not reconfigured: leave out {name}, or {existing[0]} to have one made",
            )


def check_region(construct: "Construct", option: str, resource: "IResource | None", *, fix: str | None = None) -> None:
    """Refuse an existing resource that is known to be in another Region than the construct's stack.

    Args:
        construct: The pattern.
        option: The option's name.
        resource: What was given; None is nothing to check. One imported by ARN has the Region of its ARN or of its
            stack, as the CDK's import method decides.
        fix: What to give instead; by default one of the stack's Region.

    Raises:
        InvalidOptionError: naming both Regions.
    """
    if resource is None:
        return
    here, there = region_of(stack_of(construct)), _region_of(resource)
    if here != there and not Token.is_unresolved(here) and not Token.is_unresolved(there):
        problem = f"is in {there}, but the stack is in {here}"
        raise InvalidOptionError(construct, option, problem, fix or f"Give one of {here}")


def check_regions(construct: "Construct", resources: "Mapping[str, IResource | None]") -> None:
    """Check the Regions of several options, by name; see `check_region`."""
    for option, resource in resources.items():
        check_region(construct, option, resource)


def _region_of(resource: "IResource") -> str:
    # Table.from_table_arn says that a table is in the stack's Region, whatever its ARN says.
    arn = getattr(resource, "table_arn", None) if hasattr(type(resource), "table_arn") else None
    if isinstance(arn, str) and not Token.is_unresolved(arn) and arn.count(":") >= _PARTS_OF_AN_ARN - 1:
        return arn.split(":")[3]
    return str(resource.env.region)


def concrete_region(construct: "Construct") -> str:
    """Return the Region of the construct's stack, or refuse an environment-agnostic stack.

    Raises:
        InvalidOptionError: when the stack's Region is only known at deployment.
    """
    region = Stack.of(construct).region
    if Token.is_unresolved(region):
        raise InvalidOptionError(
            construct,
            "env",
            "of the stack names no Region",
            'Give the stack a Region: MyStack(app, "Tokyo", env=cdk.Environment(region="ap-northeast-1"))',
        )
    return region
