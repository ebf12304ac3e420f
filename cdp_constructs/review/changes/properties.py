"""What changed in the properties of a resource, each value with the old one."""

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

from cdp_constructs.review.templates import Resource
from cdp_constructs.review.values import Values

__all__ = ["PropertyChange", "changed_properties", "changed_values", "replacing"]


@dataclass(frozen=True)
class PropertyChange:
    """A value that changed.

    Attributes:
        path: Where, such as ``KeySchema/0/AttributeName``.
        before: The old value; None where there was none.
        now: The new value; None where there is none.
    """

    path: str
    before: str | None
    now: str | None

    @property
    def property(self) -> str:
        """The property of the resource that it is a part of."""
        return self.path.partition("/")[0]

    def __str__(self) -> str:
        """Write the old and the new value."""
        before = "none" if self.before is None else self.before
        now = "none" if self.now is None else self.now
        return f"{self.path}   {before} -> {now}"


def changed_properties(old: Resource, new: Resource, before: Values, now: Values) -> list[PropertyChange]:
    """Return what changed, in the order of the paths; what only refers to a renamed resource did not."""
    return [
        *changed_values("", old.properties, new.properties, before, now),
        *_policies(old, new),
    ]


def _policies(old: Resource, new: Resource) -> Iterator[PropertyChange]:
    if old.on_deletion != new.on_deletion:
        yield PropertyChange("DeletionPolicy", old.on_deletion, new.on_deletion)
    if old.on_replacement != new.on_replacement:
        yield PropertyChange("UpdateReplacePolicy", old.on_replacement, new.on_replacement)
    if (was := old.definition.get("Condition")) != (is_ := new.definition.get("Condition")):
        yield PropertyChange("Condition", was and str(was), is_ and str(is_))


def changed_values(path: str, old: object, new: object, before: Values, now: Values) -> Iterator[PropertyChange]:
    """Yield what changed in a value, and below it."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and not (_is_function(old) or _is_function(new)):
        for key in sorted({*old, *new}):
            yield from changed_values(f"{path}/{key}".lstrip("/"), old.get(key), new.get(key), before, now)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from changed_values(f"{path}/{number}", one, other, before, now)
    else:
        left = None if old is None else before.text(old)
        right = None if new is None else now.text(new)
        if left != right:
            yield PropertyChange(path, left, right)


def _is_function(value: Mapping[str, object]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


@functools.cache
def _rules() -> Mapping[str, list[str]]:
    text = resources.files(__package__).joinpath("replacements.json").read_text()
    rules: Mapping[str, list[str]] = json.loads(text)
    return rules


def replacing(kind: str, changes: list[PropertyChange]) -> list[PropertyChange]:
    """Return those of the changes for which CloudFormation makes a new resource."""
    cannot_change = set(_rules().get(kind, ()))
    return [change for change in changes if change.property in cannot_change]
