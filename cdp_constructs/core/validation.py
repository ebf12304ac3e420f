"""Checks of options at construction, with one shape of message: what is wrong, the value, the fix."""

import math
import re
from collections.abc import Mapping, Sequence

from aws_cdk import Duration, RemovalPolicy, Token
from constructs import Construct

from cdp_constructs.core.cdk import sns
from cdp_constructs.core.once import once

# What a token of a text or of an entry of a list looks like until it is resolved.
_TOKEN = re.compile(r"[$#]\{Token\[[^]]*\]\}")
_NO_TOKENS = "Tokens cannot be checked here: give the value itself"


class InvalidOptionError(ValueError):
    """An option of a pattern cannot work on AWS.

    The message names the construct's path, the option, the value it got, and a value that would work. What is wrong
    begins with ``is`` and the value, ``contains`` and an entry, ``has`` and a number, or ``was given`` and what the
    option does not go with; an option that is needed ``is missing``. The fix begins with what to do.
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
        if _TOKEN.search(problem):
            problem, fix = _TOKEN.sub("<token>", problem), _NO_TOKENS
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
    tokens: bool = False,
) -> None:
    """Refuse a number outside ``low``..``high`` (both included).

    Args:
        construct: The pattern, or its path.
        option: The option's name.
        value: The number.
        low: The smallest one.
        high: The largest one.
        unit: What is counted; empty for a number that counts nothing.
        source: The AWS limit that sets the range.
        tokens: Whether a token is left for AWS to judge: only where the number goes into the template as it is.

    Raises:
        InvalidOptionError: naming the range and its source.
    """
    # A token is a number far below every range: only what is outside is worth a question to Node.
    if low <= value <= high:
        return
    # What is no number would end the CDK's process.
    if math.isfinite(value) and Token.is_unresolved(value):
        if tokens:
            return
        raise InvalidOptionError(construct, option, "is a token", _NO_TOKENS)
    counted = f" {unit}" if unit else ""
    fix = f"Use {_written(low)} to {_written(high)}{counted} ({source})"
    raise InvalidOptionError(construct, option, f"is {_written(value)}{counted}", fix)


def _written(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.12g}"


def check_duration(
    construct: "Construct | str",
    option: str,
    value: Duration,
    *,
    low: Duration,
    high: Duration,
    source: str,
    tokens: bool = False,
    unit: Duration | None = None,
) -> None:
    """Refuse a duration outside ``low``..``high`` (both included), or one that AWS cannot count.

    Args:
        construct: The pattern, or its path.
        option: The option's name.
        value: The duration.
        low: The shortest one.
        high: The longest one.
        source: The AWS limit that sets the range.
        tokens: See ``check_range``.
        unit: What AWS counts it in. Default: seconds.

    Raises:
        InvalidOptionError: naming the range and its source.
    """
    if value.is_unresolved():
        if tokens:
            return
        raise InvalidOptionError(construct, option, "is a token", _NO_TOKENS)
    length, counted = value.to_milliseconds(), _SECOND if unit is None else _milliseconds(unit)
    if _milliseconds(low) <= length <= _milliseconds(high) and length % counted == 0:
        return
    whole = "" if length % counted == 0 else f", counted in steps of {_human(counted)}"
    fix = f"Use {_human(_milliseconds(low))} to {_human(_milliseconds(high))}{whole} ({source})"
    raise InvalidOptionError(construct, option, f"is {_human(length)}", fix)


@once
def _milliseconds(limit: Duration) -> float:
    return float(limit.to_milliseconds())


_SECOND = 1_000
_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (_SECOND, "second"), (1, "millisecond"))


def _human(milliseconds: float) -> str:
    """Write a length of time in the largest unit that divides it."""
    if milliseconds == 0:
        return "0 seconds"
    size, name = next(((size, name) for size, name in _UNITS if milliseconds % size == 0), (1, "millisecond"))
    number = milliseconds / size
    return f"{number:,.12g} {name}{'' if number == 1 else 's'}"


def check_no_repetition(construct: "Construct | str", option: str, values: Sequence[str]) -> None:
    """Refuse a list that has something twice.

    Raises:
        InvalidOptionError: naming what is repeated.
    """
    if problem := repetition_in(values):
        raise InvalidOptionError(construct, option, *problem)


def repetition_in(values: Sequence[str]) -> tuple[str, str] | None:
    """Return what a list has twice, as a problem, and the fix; None where there is nothing."""
    repeated = next((value for value in values if list(values).count(value) > 1), None)
    return None if repeated is None else (f"contains {repeated!r} twice", "Name each once")


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
                f"Leave out {name}: an existing resource is not reconfigured; for a new one leave out {existing[0]}",
            )


def check_one_of(construct: "Construct | str", options: Mapping[str, object], *, fix: str) -> None:
    """Refuse none, and more than one, of options of which exactly one is needed.

    Args:
        construct: The pattern.
        options: By name; None counts as not given.
        fix: What to give, when none is.

    Raises:
        InvalidOptionError: for the first option when none is given, and for the second one that is given.
    """
    given = [name for name, value in options.items() if value is not None]
    if not given:
        raise InvalidOptionError(construct, next(iter(options)), "is missing", fix)
    if len(given) > 1:
        raise InvalidOptionError(construct, given[1], f"was given together with {given[0]}", "Give one of the two")


def check_standard(construct: "Construct", option: str, topic: "sns.ITopic | None") -> None:
    """Refuse a FIFO topic where messages are published without a group.

    Raises:
        InvalidOptionError: naming the topic.
    """
    if topic is not None and topic.fifo:
        raise InvalidOptionError(construct, option, f"is {topic.node.path}, a FIFO topic", "Give a standard topic")
