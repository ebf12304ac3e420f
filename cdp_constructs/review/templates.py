"""Templates as cards and reviews read them: resources by name, and what their properties refer to."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["HASH", "Resource", "Template", "references", "under"]

HASH = re.compile(r"(?<=.)[0-9A-F]{8}$")
"""What the CDK puts after a logical id that it made of a path."""
_REGION = re.compile(r"(?<![a-z0-9-])(?:af|ap|ca|eu|il|me|mx|sa|us)(?:-gov)?-[a-z]+-\d(?![0-9-]*[a-z])")
_SINGLETON = re.compile(r"(?<=[a-zA-Z]{4})(?:[0-9a-f]{32}|[0-9A-F]{32})$")
"""What the CDK puts after the name of a function of its own, of which a stack has one."""
_UNSAID = {"Resource", "Default"}
"""Ids of a path that say nothing: the CDK leaves them out of logical ids, too."""


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource of a template.

    Attributes:
        logical_id: Its logical id.
        type: Its type, such as ``AWS::SQS::Queue``.
        name: How a card names it: its path in the stack, or its logical id without the hash.
        definition: The whole of it in the template.
    """

    logical_id: str
    type: str
    name: str
    definition: Mapping[str, Any] = field(repr=False)

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        """Its properties; lists with the items of both branches of each `Fn::If`."""
        properties = self.definition.get("Properties")
        return _of_all_branches(properties) if isinstance(properties, dict) else {}

    @property
    def on_deletion(self) -> str:
        """What happens to it when it leaves the template: Delete, Retain, Snapshot or RetainExceptOnCreate."""
        return str(self.definition.get("DeletionPolicy", "Snapshot" if self._is_kept_as_snapshot else "Delete"))

    @property
    def on_replacement(self) -> str:
        """What happens to the old one when it is replaced: Delete, Retain or Snapshot."""
        return str(self.definition.get("UpdateReplacePolicy", "Delete"))

    @property
    def _is_kept_as_snapshot(self) -> bool:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
        alone = self.type == "AWS::RDS::DBInstance" and not self.get("DBClusterIdentifier")
        return alone or self.type == "AWS::RDS::DBCluster"

    def get(self, path: str, default: Any = None) -> Any:
        """Return a property, such as ``VersioningConfiguration.Status``; the default where it, or a part, is not."""
        value: Any = self.properties
        for part in path.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return default
            value = value[part]
        return value

    def items(self, path: str) -> list[Any]:
        """Return a property that is a list; an empty one where it is not, or is not known before deployment."""
        value = self.get(path)
        return value if isinstance(value, list) else []


class Template:
    """A template.

    Args:
        name: Name of its stack.
        body: What CloudFormation reads.
        region: Where it is deployed, if it says so.
        account: In which account, if that is known.
        paths: Paths of constructs by logical id, from the assembly; a template alone does not have them.
        path: Path of the stack itself; its name by default.
        protected: Whether its stack is protected from deletion, as an assembly says.
        names: Names of resources by logical id, in place of what path and logical id say.
    """

    def __init__(
        self,
        name: str,
        body: Mapping[str, Any],
        *,
        region: str | None = None,
        account: str | None = None,
        paths: Mapping[str, str] | None = None,
        path: str | None = None,
        protected: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.body = body
        self.region = region
        self.account = account
        self.path = path or name
        self.protected = protected
        self._paths = paths or {}
        self._names = names or {}

    def renamed(self, names: Mapping[str, str]) -> "Template":
        """Return the same template with other names for some of its resources, by logical id."""
        return Template(
            self.name,
            self.body,
            region=self.region,
            account=self.account,
            paths=self._paths,
            path=self.path,
            protected=self.protected,
            names=names,
        )

    @cached_property
    def home(self) -> str | None:
        """The Region where it is deployed; of a template that does not say so, the one that its texts name most."""
        if self.region:
            return self.region
        named = Counter(_REGION.findall(json.dumps(self.body)))
        return min(named, key=lambda region: (-named[region], region)) if named else None

    @property
    def description(self) -> str:
        """What the stack says that it is."""
        return str(self.body.get("Description", ""))

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """Resources by logical id, in the order of their names."""
        found = [
            Resource(logical_id, str(definition.get("Type", "")), self._name(logical_id, definition), definition)
            for logical_id, definition in (self.body.get("Resources") or {}).items()
            if isinstance(definition, dict)
        ]
        return {resource.logical_id: resource for resource in sorted(found, key=lambda one: (one.name, one.logical_id))}

    def of_type(self, *types: str) -> list[Resource]:
        """Return the resources of types, in the order of their names."""
        return [resource for resource in self.resources.values() if resource.type in types]

    def target(self, value: object) -> Resource | None:
        """Return the first resource that a value refers to."""
        return next((self.resources[name] for name in references(value) if name in self.resources), None)

    def _name(self, logical_id: str, definition: Mapping[str, Any]) -> str:
        if logical_id in self._names:
            return self._names[logical_id]
        metadata = definition.get("Metadata")
        path = self._paths.get(logical_id) or (metadata.get("aws:cdk:path") if isinstance(metadata, dict) else None)
        if isinstance(path, str) and "/" in path.strip("/"):
            parts = path.strip("/").split("/")
            stack = self.path.split("/")
            above = len(stack) if parts[: len(stack)] == stack else 1
            below = parts[above:]
            said = (_SINGLETON.sub("", part) for part in below if part not in _UNSAID)
            return "/".join(said) or logical_id
        return HASH.sub("", logical_id) or logical_id


def _of_all_branches(value: Any) -> Any:
    """Return a value in which `Fn::If` is no item of a list, and no list: what stands in either branch may be there."""
    if isinstance(value, list):
        return [part for item in value for part in _branches(item)]
    if isinstance(value, Mapping):
        if len(value) == 1 and next(iter(value)).startswith("Fn::"):
            return value
        return {key: _of_all_branches(_list_of_branches(item)) for key, item in value.items()}
    return value


def _branches(item: Any) -> Iterator[Any]:
    match item:
        case {"Fn::If": [_, one, other]} if len(item) == 1:
            yield from (*_branches(one), *_branches(other))
        case {"Ref": "AWS::NoValue"}:
            return
        case _:
            yield _of_all_branches(item)


def _list_of_branches(item: Any) -> Any:
    match item:
        case {"Fn::If": [_, one, other]} if len(item) == 1 and (isinstance(one, list) or isinstance(other, list)):
            lists = [_list_of_branches(branch) for branch in (one, other)]
            return [part for some in lists if isinstance(some, list) for part in some]
        case _:
            return item


def under(keys: Collection[str], value: object) -> Iterator[object]:
    """Yield what stands under some keys, at any depth of a value."""
    if isinstance(value, list):
        for item in value:
            yield from under(keys, item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key in keys:
                yield item
            else:
                yield from under(keys, item)


def references(value: object) -> Iterator[str]:
    """Yield the logical ids and parameters that a value refers to, in its order."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
        return
    if not isinstance(value, Mapping):
        return
    for key, item in value.items():
        if key == "Ref" and isinstance(item, str):
            yield item
        elif key == "Fn::GetAtt":
            yield item.partition(".")[0] if isinstance(item, str) else str(next(iter(item), ""))
        elif key == "Fn::Sub":
            text = item if isinstance(item, str) else next(iter(item), "")
            yield from (name.partition(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", str(text)))
            if not isinstance(item, str):
                yield from references(item[1:])
        else:
            yield from references(item)
