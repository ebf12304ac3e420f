"""Types that are kept as a record only, so that an application that also has them deploys.

`recorded_types.txt` names them, one service to a line: every type of the CDK that neither MiniStack nor another
extension provides. A type that is in no list is a mistake in the template, and is refused. `recorded_arns.txt` has, for
each, what `Ref` returns and the form of its ARN; `python -m tools.recorded_arns` writes it.
"""

import functools
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from cdp_constructs.local.kit.sdk import generated_name, scope
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]

_NAME_PROPERTIES = ("Name", "{}Name", "{}Id", "{}Identifier")
"""Properties that, when a template has them, name the resource; `{}` is the last part of the type."""


@dataclass(frozen=True)
class _Identity:
    """What `Ref` returns, a property or an attribute, and the form of the ARN."""

    reference: str
    arn: str

    def arn_of(self, name: str) -> str:
        """Return the ARN; the part of it that AWS would make at random follows from the name."""
        places = {"Partition": "aws", "Uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, name)), **scope()}
        return re.sub(r"\$\{(\w+)}", lambda place: places.get(place[1], name), self.arn)


class RecordedAttributes(dict[str, Any]):
    """Answers any attribute in its usual form, because the templates of the CDK ask only for attributes that exist.

    An attribute that is also a property has its value; one whose name ends in `Arn` is the ARN; every other one is the
    id, which is the end of the ARN where `Ref` returns that.
    """

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __missing__(self, name: str) -> str:
        answer: str = self["Arn"] if name.lower().endswith("arn") else self["Id"]
        return answer


@functools.cache
def _identities() -> Mapping[str, _Identity]:
    lines = (line.split() for line in _text("recorded_arns.txt").splitlines())
    return {name: _Identity(reference, arn) for name, reference, arn in lines}


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _physical_id(type_name: str, logical_id: str, properties: Properties, stack_name: str) -> str:
    identity, kind = _identities()[type_name], type_name.rpartition("::")[2]
    reference = properties.get(identity.reference)
    if isinstance(reference, str):
        return reference
    named = (properties.get(pattern.format(kind)) for pattern in _NAME_PROPERTIES)
    name = next((name for name in named if isinstance(name, str)), None) or generated_name(stack_name, logical_id)
    return identity.arn_of(name) if identity.reference.lower().endswith("arn") else name


def _attributes(type_name: str, physical_id: str, properties: Properties) -> Attributes:
    is_arn = physical_id.startswith("arn:")
    return RecordedAttributes(
        {name: value for name, value in properties.items() if isinstance(value, str)},
        Arn=physical_id if is_arn else _identities()[type_name].arn_of(physical_id),
        Id=re.split("[:/]", physical_id)[-1] if is_arn else physical_id,
    )


def _recorded(type_name: str) -> ResourceType:
    def create(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
        physical_id = _physical_id(type_name, logical_id, properties, stack_name)
        return physical_id, _attributes(type_name, physical_id, properties)

    def update(physical_id: str, _old: Properties, new: Properties, _stack_name: str) -> tuple[str, Attributes]:
        return physical_id, _attributes(type_name, physical_id, new)

    def delete(_physical_id: str, _properties: Properties) -> None:
        """Nothing was made."""

    return ResourceType(name=type_name, create=create, update=update, delete=delete)


def _names() -> Iterator[str]:
    for line in _text("recorded_types.txt").splitlines():
        service, _, kinds = line.partition(": ")
        yield from (f"AWS::{service}::{kind}" for kind in kinds.split())


RESOURCE_TYPES: tuple[ResourceType, ...] = tuple(_recorded(name) for name in _names())
