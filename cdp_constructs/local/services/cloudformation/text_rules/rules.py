"""Which texts a property takes: the patterns and lengths of CloudFormation's resource schemas, and what they lack.

`tools/text_rules.py` writes `rules.json`. It has, for each type, its properties and the definitions
that they use: a text is `pattern:least:most`, a list has the rule of its items, `#Tag` is a definition. Properties that
name another resource have no rule: a template for tests may have `vpc-12345` there.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeAlias

__all__ = ["Refusal", "refusals"]

_Rule: TypeAlias = Any
_RuleSet: TypeAlias = Mapping[str, _Rule]

_UNICODE = "(?u)"
"""Begins a pattern in which `\\w` is more than ASCII."""
_END = re.compile(r"(?<!\\)\$$")
_SHOWN = 60
"""Characters of a value in a message."""


@dataclass(frozen=True)
class Refusal:
    """A text that a property does not take; `rule` says what it takes."""

    path: str
    shown: str
    rule: str

    def __str__(self) -> str:
        """Return it as CloudFormation states it."""
        return f"#/{self.path}: {self.shown} {self.rule}"


@functools.cache
def _schemas() -> tuple[list[str], Mapping[str, _RuleSet]]:
    content = json.loads(resources.files(__package__).joinpath("rules.json").read_text(encoding="utf-8"))
    return content["patterns"], content["types"]


@functools.cache
def _pattern(number: int) -> re.Pattern[str]:
    pattern = _schemas()[0][number]
    # For Python, a line break can follow the end.
    return re.compile(_END.sub(r"\\Z", pattern), 0 if pattern.startswith(_UNICODE) else re.ASCII)


def _broken(value: str, rule: str) -> str | None:
    pattern, least, most = rule.split(":")
    if least and len(value) < int(least):
        return f"has {len(value)} characters, and at least {least} are needed"
    if most and len(value) > int(most):
        return f"has {len(value)} characters, and at most {most} are allowed"
    if pattern and not _pattern(int(pattern)).search(value):
        return f"does not match {_schemas()[0][int(pattern)].removeprefix(_UNICODE)}"
    return None


class _Search:
    def __init__(self, rules: _RuleSet, is_known: Callable[[Any], bool]) -> None:
        self._rules = rules
        self._is_known = is_known

    def refusals(self, rule: _Rule, value: Any, written: Any, path: str) -> Iterator[Refusal]:
        """Compare a value with what the template has in its place, and with its rule."""
        if isinstance(rule, str) and rule.startswith("#"):
            rule = self._rules[rule[1:]]
        if _is_function(written):
            if not self._is_known(written):
                return
            written = value
        if isinstance(value, dict) and isinstance(rule, dict) and isinstance(written, dict):
            for name in rule.keys() & value.keys() & written.keys():
                yield from self.refusals(rule[name], value[name], written[name], f"{path}/{name}" if path else name)
        elif isinstance(value, list) and isinstance(rule, list) and isinstance(written, list):
            # What is longer here has the stack's tags at its end; what is shorter lacks some AWS::NoValue.
            pairs = zip(value, written, strict=False) if len(value) >= len(written) else ()
            for index, (item, written_item) in enumerate(pairs):
                yield from self.refusals(rule[0], item, written_item, f"{path}/{index}")
        elif isinstance(rule, str) and _is_text(value, written) and (reason := _broken(value, rule)):
            yield Refusal(path, _shown(value), reason)


def _is_text(value: Any, written: Any) -> bool:
    """Nothing is checked, or shown, of a secret or parameter that CloudFormation looks up."""
    return isinstance(value, str) and isinstance(written, str) and "{{resolve:" not in written


def _is_function(written: Any) -> bool:
    return isinstance(written, dict) and any(name == "Ref" or name.startswith("Fn::") for name in written)


def _shown(value: str) -> str:
    return json.dumps(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…", ensure_ascii=False)


def refusals(
    type_name: str, properties: Mapping[str, Any], written: Mapping[str, Any], is_known: Callable[[Any], bool]
) -> list[Refusal]:
    """Return the texts that AWS would refuse.

    Args:
        type_name: The resource type.
        properties: The properties, all references resolved.
        written: The properties as they stand in the template.
        is_known: Says whether a function of the template (`Ref`, `Fn::…`) gives what it gives on AWS. What comes from
            other resources does not: it is as long as the embedded cloud has made it.
    """
    rules = _schemas()[1].get(type_name)
    return list(_Search(rules, is_known).refusals(rules[""], properties, written, "")) if rules else []
