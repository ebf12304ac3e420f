"""EventBridge: policies of event buses, which MiniStack makes of single permissions only and does not evaluate.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.sdk import Api, client, resource_type
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.kit.validation import InvalidValueError, validate

__all__ = ["RESOURCE_TYPES"]

_events: Any = ministack.module("services.eventbridge", "_event_bus_policies", "_event_buses")
_responses: Any = ministack.module("core.responses")

_SINGLE = ("Action", "Principal", "StatementId")
_VERSION = "2012-10-17"


@validate(requests={"events": ("PutPermission",)})
def _one_form(values: Mapping[str, Any]) -> None:
    given = [name for name in _SINGLE if values.get(name)]
    if values.get("Policy") and (given or values.get("Condition")):
        message = "Parameter(s) Action, Principal, StatementId and Condition cannot be used together with Policy."
        raise InvalidValueError("ValidationException", message)
    if not values.get("Policy") and given != list(_SINGLE):
        message = "Parameter(s) Action, Principal and StatementId, or Policy, must be specified."
        raise InvalidValueError("ValidationException", message)


@patch("ministack.services.eventbridge:_put_permission")
def _put(_original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
    bus = data.get("EventBusName", "default").rpartition("/")[2]
    if bus not in _events._event_buses:
        message = f"Event bus {bus} does not exist."
        return _responses.error_response_json("ResourceNotFoundException", message, 400)
    if data.get("Policy"):
        _events._event_bus_policies[bus] = json.loads(data["Policy"])
        return _responses.json_response({})
    principal = data["Principal"]
    account = f"arn:aws:iam::{principal}:root"
    statement: dict[str, Any] = {
        "Sid": data["StatementId"],
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {"AWS": account},
        "Action": data["Action"],
        "Resource": f"arn:aws:events:{_responses.get_region()}:{_responses.get_account_id()}:event-bus/{bus}",
    }
    if condition := data.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    kept = (_events._event_bus_policies.get(bus) or {}).get("Statement", [])
    _events._event_bus_policies[bus] = _with(kept, statement)
    return _responses.json_response({})


def _with(statements: Any, statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy in which the statement has taken the place of the one with its id."""
    listed = [statements] if isinstance(statements, Mapping) else statements
    kept = [each for each in listed if each.get("Sid") != statement["Sid"]]
    return {"Version": _VERSION, "Statement": [*kept, statement]}


@patch("ministack.core.iam_evaluator:_resource_policy")
def _policy_and_owner(original: Callable[..., Any], service: str, resource_arn: str) -> Any:
    if service != "events" or ":event-bus/" not in resource_arn:
        return original(service, resource_arn)
    *_, region, account, resource = resource_arn.split(":", 5)
    policy = _events._event_bus_policies.get_scoped(account, region, resource.partition("/")[2])
    if policy is None and account == _responses.get_account_id():
        return None
    return json.dumps(policy) if policy else "", account


@patch("ministack.services.eventbridge:_delete_event_bus")
def _delete(original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
    if data.get("Name") != "default":
        _events._event_bus_policies.pop(data.get("Name"), None)
    return original(data)


@after("AWS::Events::EventBus")
def _provisioned(name: str, properties: Properties, _attributes: Attributes) -> None:
    if policy := properties.get("Policy"):
        _events._event_bus_policies[name] = json.loads(policy) if isinstance(policy, str) else policy


def _bus_policy(properties: Properties) -> Properties:
    """A statement of the template joins those of the bus; without one the older form, by account, is passed on."""
    if "Statement" not in properties:
        return properties
    bus = properties.get("EventBusName", "default")
    policy = json.loads(client("events").describe_event_bus(Name=bus).get("Policy") or "{}")
    statement = {"Sid": properties["StatementId"], **properties["Statement"]}
    return {"EventBusName": bus, "Policy": _with(policy.get("Statement", []), statement)}


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Events::EventBusPolicy",
        Api(
            service="events",
            create="put_permission",
            update="put_permission",
            delete="remove_permission",
            ref="{Properties.EventBusName || 'default'}|{Properties.StatementId}",
            key={"EventBusName": "Parts[0]"},
            delete_key={"StatementId": "Parts[1]"},
            adapt=_bus_policy,
            replacing=("EventBusName", "StatementId"),
        ),
    ),
)
