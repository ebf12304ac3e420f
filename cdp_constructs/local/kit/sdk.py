"""Resource types that MiniStack's services have, supplied to its CloudFormation as data.

CloudFormation's properties and the service's own requests come from one model: mostly the same members, differing in
letter case, in scalars written as strings and in the form of tags. So a type is a row: which operation creates it,
which deletes it, and where its identifiers are. The calls go over HTTP like those of any client: the handlers block.
"""

import functools
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath  # type: ignore[import-untyped]  # it ships no types
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from cdp_constructs.local.clients.aws import Clients
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.kit.root import root_key
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["Api", "call", "client", "clients", "endpoint", "generated_name", "request", "resource_type", "scope"]

_provisioners: Any = ministack.module(
    "services.cloudformation.provisioners", "_DEFERRED_PREDECESSOR_DELETES", "_RETAIN_REPLACED"
)
_responses: Any = ministack.module("core.responses")

_GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "Unknown")
"""Parts of the error codes by which services say that a resource does not exist."""


def endpoint() -> str:
    """Return the URL of this server."""
    return f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '4566')}"


@once
def clients() -> Clients:
    """Return the boto3 clients of this server, of whatever account, Region and principal."""
    return Clients(endpoint(), root_key())


def client(service: str) -> Any:
    """Return a boto3 client for this server, as root, in the account and Region of the stack that is being deployed."""
    return clients().get(service, region=_responses.get_region(), account=_responses.get_account_id())


def scope() -> dict[str, str]:
    """Return the account and the Region of the stack that is being deployed, as the rows' expressions name them."""
    return {"Account": _responses.get_account_id(), "Region": _responses.get_region()}


def generated_name(stack_name: str, logical_id: str, max_length: int = 64) -> str:
    """Return a name as CloudFormation generates it: stack, logical id and a random end that a replacement changes."""
    suffix = secrets.token_hex(6).upper()
    return f"{stack_name}-{logical_id}"[: max_length - len(suffix) - 1] + f"-{suffix}"


def _scalar(value: Any, kind: str) -> Any:
    if kind == "boolean":
        return str(value).lower() == "true"
    if kind in {"integer", "long"}:
        return int(value)
    if kind in {"float", "double"}:
        return float(value)
    if kind == "string":
        if isinstance(value, dict | list):
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def _fit(value: Any, shape: Shape) -> Any:
    """Return a template's value in the form that the member of a request has; members it lacks are left out."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {name.lower(): (name, member) for name, member in shape.members.items()}
        known = ((members[key.lower()], item) for key, item in value.items() if key.lower() in members)
        return {name: _fit(item, member) for (name, member), item in known}
    if isinstance(shape, ListShape):
        if isinstance(value, dict) and isinstance(shape.member, StructureShape):  # tags written as a map
            value = [{"Key": key, "Value": item} for key, item in value.items()]
        return [_fit(item, shape.member) for item in (value if isinstance(value, list) else [value])]
    if isinstance(shape, MapShape):
        if isinstance(value, list):  # tags written as a list
            value = {tag["Key"]: tag.get("Value", "") for tag in value}
        return {key: _fit(item, shape.value) for key, item in value.items()}
    return _scalar(value, shape.type_name)


def request(service: str, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a client's method that the properties of a template stand for."""
    sdk = client(service)
    shape = sdk.meta.service_model.operation_model(sdk.meta.method_to_api_mapping[operation]).input_shape
    fitted: dict[str, Any] = _fit(dict(properties), shape) if shape else {}
    return fitted


def call(service: str, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Call a client's method with the properties of a template.

    Raises:
        botocore.exceptions.ClientError: the service refused; MiniStack makes it the reason of the failed event.
    """
    response: dict[str, Any] = getattr(client(service), operation)(**request(service, operation, properties))
    return response


_READY_SECONDS = 120
_POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Api:
    """How the API of a service creates, updates and deletes a resource type.

    Expressions are JMESPath over `Id` (the physical id), `Parts` (the id, split at `|` and `/`), `Properties`,
    `Response`, `Account` and `Region`; one that has `{…}`, and is no literal, is a text with such paths in braces.
    A parameter that an operation does not have is left out, so that `key` serves several operations.

    Attributes:
        service: Name of the boto3 client.
        create: Method that creates the resource.
        delete: Method that deletes it.
        update: Method that changes it in place; empty when every change replaces the resource.
        read: Method that reads it; its answer then is the `Response` of `attributes`, `update` and `delete`.
        ready: Expression that is true, over what `read` answers, when a creation is complete; empty for at once.
        ref: Expression for the physical id, which is what `Ref` gives.
        attributes: Expressions for what `Fn::GetAtt` gives.
        key: Parameters that name the resource to `read`, `update` and `delete`, as expressions.
        update_key: Parameters of `update` beyond `key`.
        delete_key: Parameters of `delete` beyond `key`.
        named: Property that holds the name, generated when the template has none.
        renamed: Properties whose parameter has another name.
        defaults: Parameters that the template does not have.
        adapt: Turns the template's properties into parameters where names alone do not.
        replacing: Properties whose change replaces the resource.
        name_length: Longest name that the service accepts.
    """

    service: str
    create: str
    delete: str
    ref: str
    update: str = ""
    read: str = ""
    ready: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    key: Mapping[str, str] = field(default_factory=dict)
    update_key: Mapping[str, str] = field(default_factory=dict)
    delete_key: Mapping[str, str] = field(default_factory=dict)
    named: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    adapt: Callable[[Properties], Properties] = dict
    replacing: tuple[str, ...] = ()
    name_length: int = 64

    def parameters(self, properties: Properties) -> dict[str, Any]:
        """Return the template's properties under the request's names."""
        adapted = self.adapt(properties)
        return {**self.defaults, **{self.renamed.get(name, name): value for name, value in adapted.items()}}


def _evaluate(expression: str, facts: Mapping[str, Any]) -> Any:
    if "{" not in expression or expression.startswith("`"):
        return jmespath.search(expression, facts)
    literal, *parts = expression.split("{")
    for part in parts:
        path, _, rest = part.partition("}")
        literal += f"{jmespath.search(path, facts)}{rest}"
    return literal


def _facts(api: Api, physical_id: str, properties: Properties, response: Mapping[str, Any]) -> dict[str, Any]:
    parts = re.split(r"[|/]", physical_id)
    facts = {"Id": physical_id, "Parts": parts, "Properties": properties, "Response": response, **scope()}
    if api.read:
        key = {name: _evaluate(expression, facts) for name, expression in api.key.items()}
        facts["Response"] = call(api.service, api.read, key)
    return facts


def _attributes(api: Api, facts: Mapping[str, Any]) -> Attributes:
    values = {name: _evaluate(expression, facts) for name, expression in api.attributes.items()}
    return {name: value for name, value in values.items() if value is not None}


def _create(api: Api, logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
    if api.named and not properties.get(api.named):
        properties = {**properties, api.named: generated_name(stack_name, logical_id, api.name_length)}
    response = call(api.service, api.create, api.parameters(properties))
    facts = {"Properties": properties, "Response": response, **scope()}
    physical_id = str(_evaluate(api.ref, facts))
    facts = _facts(api, physical_id, properties, response)
    deadline = time.monotonic() + _READY_SECONDS
    while api.ready and not jmespath.search(api.ready, facts):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{physical_id} was not ready within {_READY_SECONDS} s")
        time.sleep(_POLL_SECONDS)
        facts = _facts(api, physical_id, properties, response)
    return physical_id, _attributes(api, facts)


def _update(api: Api, physical_id: str, old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    if not api.update or any(old.get(name) != new.get(name) for name in (api.named, *api.replacing) if name):
        replacement = _create(api, physical_id, new, stack_name)
        # A stack deletes what was replaced when its update is complete; a nested stack leaves that to the handler.
        if _provisioners._DEFERRED_PREDECESSOR_DELETES.get() is None and not _provisioners._RETAIN_REPLACED.get():
            _delete(api, physical_id, old)
        return replacement
    if api.named and not new.get(api.named):
        new = {**new, api.named: physical_id.partition("|")[0]}  # the generated name is, or starts, the physical id
    facts = _facts(api, physical_id, new, {})
    keys = {name: _evaluate(expression, facts) for name, expression in {**api.key, **api.update_key}.items()}
    facts["Response"] = call(api.service, api.update, {**api.parameters(new), **keys})
    return physical_id, _attributes(api, _facts(api, physical_id, new, facts["Response"]))


def _delete(api: Api, physical_id: str, properties: Properties) -> None:
    try:
        facts = _facts(api, physical_id, properties, {})
        keys = {name: _evaluate(expression, facts) for name, expression in {**api.key, **api.delete_key}.items()}
        call(api.service, api.delete, keys)
    except ClientError as error:
        if not any(part in error.response["Error"]["Code"] for part in _GONE):
            raise


def resource_type(name: str, api: Api) -> ResourceType:
    """Return the resource type whose handlers call the API."""
    bind: Callable[..., Any] = functools.partial
    return ResourceType(
        name=name,
        create=bind(_create, api),
        update=bind(_update, api),
        delete=bind(_delete, api),
        blocking=True,
    )
