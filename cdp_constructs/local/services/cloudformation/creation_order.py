"""CloudFormation: the order of resources that do not depend on each other.

CloudFormation makes them at the same time. MiniStack makes one after the other, by their names, so that a custom
resource that waits for what the function of another one does, such as a message, would wait for ever, and a service
that asks what a role may do would be answered before the role has its policy. Here policies come first, and custom
resources last, in the order of the template.
"""

import heapq
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each

_engine: Any = ministack.module("services.cloudformation.engine", "_extract_deps")

_Key = tuple[int, int, str]


def _key(index: int, name: str, kind: str) -> _Key:
    """Return what is smaller for a resource that is made earlier; most are made by name, as MiniStack does it."""
    if kind.startswith("AWS::IAM::"):
        return 0, 0, name
    if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
        return 2, index, name
    return 1, 0, name


def _named_by(resource: Mapping[str, Any], names: set[str]) -> set[str]:
    """Return what a resource depends on, by its update policy as well, which MiniStack does not read."""
    policy = {"Properties": resource.get("UpdatePolicy") or {}}
    needed: set[str] = _engine._extract_deps(resource, names) | _engine._extract_deps(policy, names)
    return needed


@patch_each(
    "ministack.services.cloudformation.engine:_topological_sort",
    "ministack.services.cloudformation.stacks:_topological_sort",
    "ministack.services.cloudformation.changesets:_topological_sort",
)
def _sort(
    original: Callable[..., list[str]], resources: Mapping[str, Mapping[str, Any]], conditions: Mapping[str, bool]
) -> list[str]:
    """Return the names of resources, those that others depend on first.

    Raises:
        ValueError: they depend on each other in a circle.
    """
    names = set(original(resources, conditions))
    keys = {
        name: _key(index, name, str(resource.get("Type", "")))
        for index, (name, resource) in enumerate(resources.items())
    }
    sorter = TopologicalSorter({name: _named_by(resources[name], names) - {name} for name in names})
    sorter.prepare()
    ready: list[_Key] = []
    ordered = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, keys[name])
        *_, name = heapq.heappop(ready)
        ordered.append(name)
        sorter.done(name)
    return ordered
