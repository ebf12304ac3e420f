"""Placeholder names: a system is synthesised with them, and AWS CloudFormation refuses them at once."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aws_cdk import Annotations, CfnParameter, CfnRule, CfnRuleAssertion, Fn, Stack

__all__ = ["Placeholder", "is_placeholder", "placeholders_in", "refuse_placeholders"]

_PARAMETER = "PlaceholderNames"
"""Parameter of each stack of a system with placeholders: ``refused``, or ``accepted`` on the embedded cloud."""
_METADATA = "cdp-constructs:placeholders"
"""Key of the template's metadata that has the placeholders by option."""
_REFUSED, _ACCEPTED = "refused", "accepted"

# Domains that nobody can own: https://www.rfc-editor.org/rfc/rfc2606 and https://www.rfc-editor.org/rfc/rfc6761.
_RESERVED = re.compile(r"(?:^|[.@/])(?:example(?:\.com|\.net|\.org)?|test|invalid|localhost)\.?>?$", re.IGNORECASE)


@dataclass(frozen=True)
class Placeholder:
    """A name in a configuration that nobody owns."""

    option: str
    """Where it is, such as ``chat.domain_name``."""
    value: str
    """The name."""
    fix: str
    """What to set, and what switches off the part of the system that needs it."""


def is_placeholder(value: str) -> bool:
    """Whether a domain, a mail address or the id of a hosted zone is one that nobody owns."""
    return "PLACEHOLDER" in value or _RESERVED.search(value) is not None


def placeholders_in(key: str, names: Mapping[str, tuple[str | None, str]]) -> tuple[Placeholder, ...]:
    """Return the names of a configuration that nobody owns.

    Args:
        key: Of the context, such as ``chat``.
        names: What each option says, nothing where it is left out; and what to set.
    """
    return tuple(
        Placeholder(f"{key}.{option}", value, fix)
        for option, (value, fix) in names.items()
        if value and is_placeholder(value)
    )


def refuse_placeholders(stacks: Iterable[Stack], placeholders: Iterable[Placeholder]) -> None:
    """Warn about each placeholder at synthesis, and let CloudFormation refuse every stack while one is left.

    A rule of the template is evaluated when a change set is created, before any resource. Without it AWS Certificate
    Manager would wait for a validation record in a zone that does not exist. Nothing is added when there is none.

    Args:
        stacks: All stacks of the system; the warnings are on the first.
        placeholders: What is left to replace.
    """
    left = list(placeholders)
    if not left:
        return
    first, *others = stacks
    for one in left:
        Annotations.of(first).add_warning_v2(
            f"cdp-constructs:placeholder:{one.option}", f"{one.option} is the placeholder {one.value!r}. {one.fix}."
        )
    options = ", ".join(one.option for one in left)
    for stack in (first, *others):
        stack.add_metadata(_METADATA, {one.option: one.value for one in left})
        parameter = CfnParameter(
            stack,
            _PARAMETER,
            default=_REFUSED,
            allowed_values=[_REFUSED, _ACCEPTED],
            description="Whether names that nobody owns are accepted, as the embedded cloud does. AWS cannot use them.",
        )
        CfnRule(
            stack,
            "NoPlaceholderNames",
            assertions=[
                CfnRuleAssertion(
                    assert_=Fn.condition_equals(parameter.value_as_string, _ACCEPTED),
                    assert_description=f"The configuration has placeholders, which nobody owns. Replace {options}, or "
                    "switch off what needs them; the warnings of cdk synth say how.",
                )
            ],
        )
