"""The resources of an assembly as a graph: who takes what from whom, over all of its stacks."""

import re
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cdp_constructs.review.cards.edges import edges
from cdp_constructs.review.templates import Resource, Template

__all__ = ["Graph", "Part"]

_BEGINNINGS = re.compile(r"^|[:/]")


@dataclass(frozen=True)
class Part:
    """A resource, or a name in DNS that leads to one.

    Attributes:
        name: Path of its stack and its own; of what no template has, its name.
        resource: What the template says; none for a name.
        template: Its stack.
    """

    name: str
    resource: Resource | None = field(default=None, compare=False, repr=False)
    template: Template | None = field(default=None, compare=False, repr=False)

    @property
    def type(self) -> str:
        """Its type in CloudFormation, empty for a name."""
        return self.resource.type if self.resource else ""

    @property
    def region(self) -> str | None:
        """Where its stack is."""
        return self.template.home if self.template else None


class Graph:
    """Parts and the ways between them.

    Args:
        templates: The stacks of an assembly.
    """

    def __init__(self, templates: Sequence[Template]) -> None:
        self.templates = templates
        self.parts: dict[str, Part] = {}
        self.after: dict[str, set[str]] = {}
        self._joined: dict[str, str] = {}
        self._by_stack = {name: template for template in templates for name in (template.name, template.path)}
        for template in templates:
            for resource in template.resources.values():
                name = f"{template.path}/{resource.name}"
                # Several resources of a construct have one name: the first that stands for it is kept.
                if name not in self.parts or _is_minor(self.parts[name].type):
                    self.parts[name] = Part(name, resource, template)
                    self._joined[f"{template.path}:{resource.name.replace('/', '')}"] = name
        for template in templates:
            for edge in edges(template):
                source, target = self._named(edge.source, template), self._named(edge.target, template)
                self.after.setdefault(source, set()).add(target)

    def _named(self, text: str, template: Template) -> str:
        if own := self._longest(f"{template.path}/{text}", template):
            return own
        if there := self._elsewhere(text):
            return there
        self.parts.setdefault(text, Part(text))
        return text

    def _elsewhere(self, text: str) -> str:
        """Return what another stack has, of a text such as ``dynamodb:us-east-1:table/Data:StoreTable``."""
        before, _, name = text.rpartition(":")
        stacks = (self._by_stack.get(before[each.end() :]) for each in _BEGINNINGS.finditer(before))
        other = next((stack for stack in stacks if stack is not None), None)
        if other is None:
            return ""
        # An output is named after the path of a resource, without its slashes.
        joined = f"{other.path}:{name.partition('/')[0]}"
        return self._longest(f"{other.path}/{name}", other) or self._joined.get(joined, "")

    def _longest(self, name: str, template: Template) -> str:
        """Return the resource that a name is of, or a part of, as ``Files/Bucket/accepted/*`` is of a bucket."""
        while len(name) > len(template.path):
            if name in self.parts and self.parts[name].resource is not None:
                return name
            name = name.rpartition("/")[0]
        return ""

    def at(self, path: str) -> set[str]:
        """Return the parts at a path of the construct tree, or below it; or with that name."""
        return {name for name in self.parts if name == path or name.startswith(f"{path}/")}

    def at_any(self, paths: Iterable[str]) -> set[str]:
        """Return the parts at any of some paths."""
        return {name for path in paths for name in self.at(path)}

    def path(self, starts: Iterable[str], ends: Collection[str], without: Collection[str] = ()) -> list[str]:
        """Return a shortest way from one of the starts to one of the ends, none where there is none."""
        before: dict[str, str | None] = {start: None for start in sorted(starts) if start not in without}
        waiting = deque(before)
        while waiting:
            name = waiting.popleft()
            if name in ends:
                return _back(name, before)
            for following in sorted(self.after.get(name, ())):
                if following not in before and following not in without:
                    before[following] = name
                    waiting.append(following)
        return []


def _back(name: str | None, before: Mapping[str, str | None]) -> list[str]:
    way = []
    while name is not None:
        way.append(name)
        name = before[name]
    return way[::-1]


_MINOR = re.compile(
    r"::(?:Policy|Role|ManagedPolicy|SecurityGroup\w*|LogGroup|Permission|BucketPolicy|QueuePolicy|TopicPolicy|"
    r"InstanceProfile|ParameterGroup|SubnetGroup|DBSubnetGroup|DBClusterParameterGroup|DBParameterGroup)$"
)


def _is_minor(kind: str) -> bool:
    return bool(_MINOR.search(kind))
