"""What a board's template has, by kind."""

from typing import Any

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.architectures import boards


def resources(synthesis: Synthesis, stack: str, resource_type: str) -> list[dict[str, Any]]:
    template = synthesis(boards).templates[stack]
    return [one for one in template["Resources"].values() if one["Type"] == resource_type]


def properties(synthesis: Synthesis, stack: str, resource_type: str) -> dict[str, Any]:
    [only] = resources(synthesis, stack, resource_type)
    found: dict[str, Any] = only["Properties"]
    return found


def _server(synthesis: Synthesis, stack: str) -> dict[str, Any]:
    """The container with a port, which is the same in tasks of each size."""
    definitions = resources(synthesis, stack, "AWS::ECS::TaskDefinition")
    containers = [each for one in definitions for each in one["Properties"]["ContainerDefinitions"]]
    found: dict[str, Any]
    found, *of_other_sizes = [each for each in containers if each.get("PortMappings")]
    assert all(each == found for each in of_other_sizes)
    return found


def settings(synthesis: Synthesis, stack: str) -> dict[str, Any]:
    """The variables of the servers that are no secrets, by name."""
    return {each["Name"]: each["Value"] for each in _server(synthesis, stack).get("Environment", [])}


def secret_settings(synthesis: Synthesis, stack: str) -> set[str]:
    """The names of those that are."""
    return {each["Name"] for each in _server(synthesis, stack).get("Secrets", [])}


def findings(synthesis: Synthesis, stack: str) -> list[str]:
    """What the packs find in a board and nobody has acknowledged."""
    every = synthesis(boards).findings("AwsSolutions", "Serverless")
    return [one for one in every if f"{stack}/" in one]
