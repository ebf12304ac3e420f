"""Types that are kept as a record only, so that an application that also has them deploys.

`recorded_types.txt` names them, one service to a line: every type of the CDK that neither MiniStack nor another
extension provides. A type that is in no list is a mistake in the template, and is refused.
"""

from collections.abc import Iterator
from importlib import resources
from typing import Any

from cdp_constructs.local.kit.sdk import generated_name, scope
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]

_IDENTIFIED_BY_ARN = {
    "AWS::Bedrock::Guardrail",
    "AWS::RDS::DBProxyTargetGroup",
    "AWS::XRay::Group",
}
"""Types whose `Ref` is an ARN."""

_NAME_PROPERTIES = ("Name", "{}Name", "{}Id", "{}Identifier")
"""Properties that, when a template has them, are what `Ref` gives; `{}` is the last part of the type."""


class RecordedAttributes(dict[str, Any]):
    """Answers any attribute in its usual form, because the templates of the CDK ask only for attributes that exist.

    An attribute whose name ends in `Arn` is the ARN; every other one is the physical id.
    """

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __missing__(self, name: str) -> str:
        answer: str = self["Arn"] if name.lower().endswith("arn") else self["Id"]
        return answer


def _arn(type_name: str, physical_id: str) -> str:
    if physical_id.startswith("arn:"):
        return physical_id
    _, service, kind = type_name.split("::")
    return "arn:aws:{0}:{Region}:{Account}:{1}/{2}".format(service.lower(), kind.lower(), physical_id, **scope())


def _physical_id(type_name: str, logical_id: str, properties: Properties, stack_name: str) -> str:
    kind = type_name.rpartition("::")[2]
    named = (properties.get(pattern.format(kind)) for pattern in _NAME_PROPERTIES)
    name = next((name for name in named if isinstance(name, str)), None) or generated_name(stack_name, logical_id)
    return _arn(type_name, name) if type_name in _IDENTIFIED_BY_ARN else name


def _recorded(type_name: str) -> ResourceType:
    def create(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
        physical_id = _physical_id(type_name, logical_id, properties, stack_name)
        return physical_id, RecordedAttributes(Arn=_arn(type_name, physical_id), Id=physical_id)

    def update(physical_id: str, _old: Properties, _new: Properties, _stack_name: str) -> tuple[str, Attributes]:
        return physical_id, RecordedAttributes(Arn=_arn(type_name, physical_id), Id=physical_id)

    def delete(_physical_id: str, _properties: Properties) -> None:
        """Nothing was made."""

    return ResourceType(name=type_name, create=create, update=update, delete=delete)


def _names() -> Iterator[str]:
    lines = resources.files(__package__).joinpath("recorded_types.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        service, _, kinds = line.partition(": ")
        yield from (f"AWS::{service}::{kind}" for kind in kinds.split())


RESOURCE_TYPES: tuple[ResourceType, ...] = tuple(_recorded(name) for name in _names())
