"""Names and descriptions that requests create things with are compared with the same rules as those of templates.

A request that AWS refuses gets the service's own error code, after it has been authorised. Operations that are not here
are left to MiniStack; identifiers of existing things are not compared, as in templates.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Group, Patch
from cdp_constructs.local.kit.refusals import Response, refused
from cdp_constructs.local.services.cloudformation.text_rules.rules import Refusal, refusals
from cdp_constructs.local.services.lambda_ import limits

__all__ = ["CREATED", "may_create"]

_app: Any = ministack.module("app", "_routing_params")
_iam_actions: Any = ministack.module("core.iam_actions", "extract_iam_action")

_Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Response]]
_Problem = tuple[str, str]

_LAST_STEP = "/"
"""Stands for the last step of a request's path, where REST APIs have names."""


@dataclass(frozen=True)
class _Created:
    """What an operation creates or describes: a resource type, and its properties by the request's parameters."""

    type_name: str
    properties: Mapping[str, str]


def _created(type_name: str, *same: str, **renamed: str) -> _Created:
    return _Created(f"AWS::{type_name}", {**{name: name for name in same}, **renamed})


def _named_by_path(type_name: str, name: str, *same: str) -> _Created:
    return _created(type_name, *same, **{_LAST_STEP: name})


# The code of each service's error for such a value; the status of all of them is 400.
_CODES = {
    "cognito-idp": "InvalidParameterException",
    "dynamodb": "ValidationException",
    "ec2": "InvalidParameterValue",
    "events": "ValidationException",
    "iam": "ValidationError",
    "iot": "InvalidRequestException",
    "kinesis": "ValidationException",
    "kms": "ValidationException",
    "lambda": "ValidationException",
    "logs": "InvalidParameterException",
    "monitoring": "ValidationError",
    "scheduler": "ValidationException",
    "secretsmanager": "ValidationException",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
    "ssm": "ValidationException",
    "states": "InvalidName",
}
CREATED: Mapping[str, Mapping[str, _Created]] = {
    "cognito-idp": {"CreateUserPool": _created("Cognito::UserPool", PoolName="UserPoolName")},
    "dynamodb": {"CreateTable": _created("DynamoDB::Table", "TableName")},
    "ec2": {
        "CreateSecurityGroup": _created("EC2::SecurityGroup", "GroupName", GroupDescription="GroupDescription"),
        "AuthorizeSecurityGroupEgress": _created("EC2::SecurityGroupEgress", "Description"),
        "AuthorizeSecurityGroupIngress": _created("EC2::SecurityGroupIngress", "Description"),
    },
    "events": {
        "CreateEventBus": _created("Events::EventBus", "Name", "Description"),
        "PutRule": _created("Events::Rule", "Name", "Description"),
    },
    "iam": {
        "CreateGroup": _created("IAM::Group", "GroupName", "Path"),
        "CreateInstanceProfile": _created("IAM::InstanceProfile", "InstanceProfileName", "Path"),
        "CreatePolicy": _created("IAM::ManagedPolicy", "Description", "Path", PolicyName="ManagedPolicyName"),
        "CreateRole": _created("IAM::Role", "RoleName", "Description", "Path"),
        "CreateUser": _created("IAM::User", "UserName", "Path"),
        "UpdateRole": _created("IAM::Role", "Description"),
        "UpdateRoleDescription": _created("IAM::Role", "Description"),
    },
    "iot": {
        "CreatePolicy": _named_by_path("IoT::Policy", "PolicyName"),
        "CreateThing": _named_by_path("IoT::Thing", "ThingName"),
        "CreateThingGroup": _named_by_path("IoT::ThingGroup", "ThingGroupName"),
        "CreateThingType": _named_by_path("IoT::ThingType", "ThingTypeName"),
        "CreateTopicRule": _named_by_path("IoT::TopicRule", "RuleName"),
    },
    "kinesis": {"CreateStream": _created("Kinesis::Stream", StreamName="Name")},
    "kms": {
        "CreateAlias": _created("KMS::Alias", "AliasName"),
        "CreateKey": _created("KMS::Key", "Description"),
    },
    "lambda": {
        "CreateFunction": _created("Lambda::Function", "FunctionName", "Description", "Handler"),
        "UpdateFunctionConfiguration": _created("Lambda::Function", "Description", "Handler"),
    },
    "logs": {"CreateLogGroup": _created("Logs::LogGroup", logGroupName="LogGroupName")},
    "monitoring": {
        "PutCompositeAlarm": _created("CloudWatch::CompositeAlarm", "AlarmName", "AlarmDescription"),
        "PutMetricAlarm": _created("CloudWatch::Alarm", "AlarmName", "AlarmDescription", "MetricName", "Namespace"),
    },
    "scheduler": {"CreateSchedule": _named_by_path("Scheduler::Schedule", "Name", "Description")},
    "secretsmanager": {
        "CreateSecret": _created("SecretsManager::Secret", "Name", "Description"),
        "UpdateSecret": _created("SecretsManager::Secret", "Description"),
    },
    "sns": {"CreateTopic": _created("SNS::Topic", Name="TopicName", DisplayName="DisplayName")},
    "sqs": {"CreateQueue": _created("SQS::Queue", "QueueName")},
    "ssm": {"PutParameter": _created("SSM::Parameter", "Name", "Description")},
    "states": {"CreateStateMachine": _created("StepFunctions::StateMachine", name="StateMachineName")},
}
"""What operations create, by service, as MiniStack names it, and name."""

_CREATING = frozenset({"PATCH", "POST", "PUT"})
_BY_PATH: Mapping[str, tuple[str, ...]] = {"iot": (), "lambda": ("/invocations",), "scheduler": ()}
"""Services whose operations are in the method and the path, and the ends of paths that create nothing."""
_IN_FORMS = {service: [f"Action={name}".encode() for name in names] for service, names in CREATED.items()}
_NESTED = re.compile(r"(?:IpPermissions|.*Ranges|.*Pairs|.*PrefixListIds)\.\d+\.(?:.*\.)?Description")
"""Descriptions of a security group's rules, each of which has a number."""
_ATTRIBUTE = re.compile(r"Attributes\.entry\.(\d+)\.key")
"""SNS's map of attributes."""


def _values(path: str, body: bytes, parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the texts of a request by the names of its parameters."""
    yield _LAST_STEP, unquote(path.rstrip("/").rpartition("/")[2])
    if body[:1] == b"{":
        document = json.loads(body)
        yield from ((name, value) for name, value in document.items() if isinstance(value, str))
        return
    texts = {name: value[0] if isinstance(value, list) and value else value for name, value in parameters.items()}
    for name, value in texts.items():
        if entry := _ATTRIBUTE.fullmatch(name):
            yield str(value), str(texts.get(f"Attributes.entry.{entry[1]}.value", ""))
        elif isinstance(value, str):
            yield "Description" if _NESTED.fullmatch(name) else name, value


def _refused(created: _Created, path: str, body: bytes, parameters: Mapping[str, Any]) -> tuple[str, Refusal] | None:
    for name, value in _values(path, body, parameters):
        if wanted := created.properties.get(name):
            # Lambda takes a name as the end of an ARN, or of a part of one.
            properties = {wanted: value.rpartition(":")[2] if wanted == "FunctionName" else value}
            for refusal in refusals(created.type_name, properties, properties, lambda _function: True):
                return wanted if name == _LAST_STEP else name, refusal
    return None


def _problem(service: str, action: str, path: str, body: bytes, parameters: Mapping[str, Any]) -> _Problem | None:
    """Return the error code and the message with which a service refuses a request; None for one that it takes."""
    created = CREATED[service].get(action)
    if created is None:
        return None
    if service == "lambda" and (beyond := _beyond_limits(body)):
        return beyond
    try:
        found = _refused(created, path, body, parameters)
    except ValueError:
        return None  # what cannot be read is the service's to refuse
    if found is None:
        return None
    name, refusal = found
    return _CODES[service], f"1 validation error detected: Value {refusal.shown} at '{name}' {refusal.rule}"


def _beyond_limits(body: bytes) -> _Problem | None:
    try:
        return limits.problem_of(json.loads(body))
    except (AttributeError, TypeError, ValueError):
        return None  # what is no configuration is the service's to refuse


def may_create(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> bool:
    """Whether a request can be an operation that is compared, as far as that is seen without reading its parameters.

    Args:
        service: One that has such operations.
        method: HTTP method.
        path: Its path, which names the operation of some services.
        headers: Its headers, with names in lower case; those of JSON protocols name the operation.
        body: Its body, which names it where that is a form.
        query: Its query string, which names it in old clients.
    """
    names = CREATED[service]
    if given := query.get("Action"):
        return (given[0] if isinstance(given, list) else given) in names
    if service in _BY_PATH:
        return method in _CREATING and not path.endswith(_BY_PATH[service])
    target = headers.get("x-amz-target", "")
    if "." in target and target.rpartition(".")[2] in names:
        return True
    is_form = "x-www-form-urlencoded" in headers.get("content-type", "")
    return is_form and any(each in body for each in _IN_FORMS[service])


def _checked(service: str) -> Callable[[_Handler], _Handler]:
    def make(original: _Handler) -> _Handler:
        async def handle(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
        ) -> Response:
            # Every request passes here, and few of them create something.
            if not may_create(service, method, path, headers, body, query):
                return await original(method, path, headers, body, query)
            parameters = _app._routing_params(method, path, headers, body, query)
            action = _iam_actions.extract_iam_action(service, method, path, headers, body, parameters) or ""
            problem = _problem(service, action.rpartition(":")[2], path, body, parameters)
            if problem is None:
                return await original(method, path, headers, body, query)
            return refused(service, *problem, 400, headers)

        return handle

    return make


_requests = Group([Patch(f"ministack.app:SERVICE_HANDLERS[{service}]", _checked(service)) for service in CREATED])
