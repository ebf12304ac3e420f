"""ECS: task definitions of templates, in the form of the API, and in an order in which containers can start."""

from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.ecs import volumes

_provisioners: Any = ministack.module("services.cloudformation.provisioners", "_pascal_to_camel")
_ecs: Any = ministack.module("services.ecs", "_resolve_td_key", "_task_defs")

_LISTS = ("dependsOn", "secrets", "ulimits", "extraHosts")
_STRUCTURES = ("healthCheck", "repositoryCredentials", "firelensConfiguration", "linuxParameters")


@patch("ministack.services.cloudformation.provisioners:_normalize_container_defs")
def _in_the_form_of_the_api(original: Callable[..., Any], definitions: list[Properties]) -> list[Properties]:
    normalized: list[Properties] = original(definitions)
    for definition in normalized:
        for name in (*_LISTS, *_STRUCTURES):
            if definition.get(name):
                definition[name] = _provisioners._pascal_to_camel(definition[name])
    return _in_order(normalized)


def _in_order(definitions: list[Properties]) -> list[Properties]:
    """Put containers behind those that they depend on: they are started one after the other."""
    by_name = {definition["name"]: definition for definition in definitions}
    needs = {
        name: [each["containerName"] for each in definition.get("dependsOn") or []]
        for name, definition in by_name.items()
    }
    if unknown := sorted({each for names in needs.values() for each in names} - by_name.keys()):
        raise ValueError(f"a container depends on {', '.join(unknown)}, which the task definition does not have")
    try:
        return [by_name[name] for name in TopologicalSorter(needs).static_order()]
    except CycleError as error:
        raise ValueError(f"containers depend on each other in a circle: {' -> '.join(error.args[1])}") from error


@after("AWS::ECS::TaskDefinition")
def _complete(task_definition: str, properties: Properties, _attributes: Attributes) -> None:
    record = _ecs._task_defs[_ecs._resolve_td_key(task_definition)]
    record["volumes"] = list(volumes.in_the_form_of_the_api(properties.get("Volumes") or []))
    for name in ("RuntimePlatform", "EphemeralStorage"):
        if name in properties:
            record[name[0].lower() + name[1:]] = _provisioners._pascal_to_camel(properties[name])
