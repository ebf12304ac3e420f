"""CloudFormation: custom resources that do not depend on each other are made in the order of the template.

CloudFormation makes them at the same time. MiniStack makes one resource after the other, by their names, so that one
that waits for what the function of another one does, such as a message, would wait for ever.
"""

import heapq
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each

_engine: Any = ministack.module("services.cloudformation.engine", "_extract_deps")


def _is_custom(resource: Mapping[str, Any]) -> bool:
    kind = str(resource.get("Type", ""))
    return kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"


@patch_each(
    "ministack.services.cloudformation.engine:_topological_sort",
    "ministack.services.cloudformation.stacks:_topological_sort",
    "ministack.services.cloudformation.changesets:_topological_sort",
)
def _sort(
    original: Callable[..., list[str]], resources: Mapping[str, Mapping[str, Any]], conditions: Mapping[str, bool]
) -> list[str]:
    """Return the names of resources: those that others depend on first, custom resources as late as may be.

    Raises:
        ValueError: they depend on each other in a circle.
    """
    names = original(resources, conditions)
    if sum(_is_custom(resources[name]) for name in names) <= 1:
        return names
    # Those of other types by name, as MiniStack has it; custom ones after them, in the order of the template.
    keys = {
        name: (True, index, name) if _is_custom(resource) else (False, 0, name)
        for index, (name, resource) in enumerate(resources.items())
    }
    sorter = TopologicalSorter({name: _engine._extract_deps(resources[name], set(names)) - {name} for name in names})
    sorter.prepare()
    ready: list[tuple[bool, int, str]] = []
    ordered = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, keys[name])
        name = heapq.heappop(ready)[2]
        ordered.append(name)
        sorter.done(name)
    return ordered
