"""`AwsCustomResource` of the CDK: calls an operation of a service's API, by boto3 instead of the JavaScript SDK."""

import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from cdp_constructs.local.kit import sdk
from cdp_constructs.local.services.cloudformation.custom_resources.event import Event

__all__ = ["call_service", "is_sdk_call"]

_PHYSICAL_ID = "PHYSICAL:RESOURCEID:"

_OTHER_NAMES = {
    "cloudwatchevents": "events",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "cognitoidentityserviceprovider": "cognito-idp",
    "elasticloadbalancingv2": "elbv2",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "sfn": "stepfunctions",
}
"""Services that boto3 names otherwise than the JavaScript SDK does; letters and digits only."""


def is_sdk_call(properties: Mapping[str, Any]) -> bool:
    """Tell whether a custom resource of any type name is one of `AwsCustomResource`."""
    return "InstallLatestAwsSdk" in properties


def call_service(event: Event) -> tuple[str, dict[str, Any]]:
    """Make the call that the resource has for the type of the event, if it has one."""
    calls = {
        kind: json.loads(event.properties[kind])
        for kind in ("Create", "Update", "Delete")
        if event.properties.get(kind)
    }
    call = calls.get(event.request_type)
    physical_id = _physical_id(event, calls)
    if call is None:
        return physical_id, {}
    if "assumedRoleArn" in call:
        event = _assuming(event, call)
    try:
        response = dict(_flatten(_invoke(event, call, physical_id)))
    except ClientError as error:
        ignored = call.get("ignoreErrorCodesMatching")
        if ignored and re.search(ignored, error.response["Error"]["Code"]):
            return physical_id, {}
        raise
    path = call.get("physicalResourceId", {}).get("responsePath")
    physical_id = str(response[path]) if path else physical_id
    wanted = call.get("outputPaths") or ([call["outputPath"]] if "outputPath" in call else [""])
    return physical_id, {name: value for name, value in response.items() if name.startswith(tuple(wanted))}


def _assuming(event: Event, call: Mapping[str, Any]) -> Event:
    """Return the event under the role that the call names."""
    session = {"RoleArn": call["assumedRoleArn"], "RoleSessionName": event.logical_id[:64]}
    if "externalId" in call:
        session["ExternalId"] = call["externalId"]
    credentials = event.client("sts", call.get("region")).assume_role(**session)["Credentials"]
    names = {
        "AWS_ACCESS_KEY_ID": "AccessKeyId",
        "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
        "AWS_SESSION_TOKEN": "SessionToken",
    }
    return dataclasses.replace(event, credentials={name: credentials[part] for name, part in names.items()})


def _physical_id(event: Event, calls: Mapping[str, Any]) -> str:
    if event.request_type == "Create":
        candidates = [
            calls.get(kind, {}).get("physicalResourceId", {}).get("id") for kind in ("Create", "Update", "Delete")
        ]
        return next((candidate for candidate in candidates if candidate), event.logical_id)
    given = calls.get(event.request_type, {}).get("physicalResourceId", {}).get("id")
    return given or event.physical_id or event.logical_id


def _invoke(event: Event, call: Mapping[str, Any], physical_id: str) -> Any:
    service = _service(call["service"])
    action = call["action"].removesuffix("Command")
    method = xform_name(action[0].upper() + action[1:])
    parameters = sdk.request(service, method, _with_physical_id(call.get("parameters") or {}, physical_id))
    return getattr(event.client(service, call.get("region")), method)(**parameters)


def _with_physical_id(value: Any, physical_id: str) -> Any:
    if isinstance(value, dict):
        return {name: _with_physical_id(item, physical_id) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_physical_id(item, physical_id) for item in value]
    return physical_id if value == _PHYSICAL_ID else value


@functools.cache
def _service(name: str) -> str:
    """Return boto3's name of a service that is named as in the JavaScript SDK, version 2 or 3."""

    def letters(text: str) -> str:
        return re.sub("[^a-z0-9]", "", text.lower())

    wanted = letters(name.removeprefix("@aws-sdk/client-"))
    if wanted in _OTHER_NAMES:
        return _OTHER_NAMES[wanted]
    session = botocore.session.get_session()
    services: list[str] = session.get_available_services()
    for service in services:
        if letters(service) == wanted:
            return service
    for service in services:  # takes seconds, so only services that are not found otherwise: the ids are in the models
        if letters(str(session.get_service_model(service).service_id)) == wanted:
            return service
    raise ValueError(f"AwsCustomResource names the service {name!r}, which boto3 does not know")


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name != "ResponseMetadata":
                yield from _flatten(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flatten(item, f"{path}.{index}")
    elif isinstance(value, StreamingBody):
        yield path, value.read().decode()
    elif isinstance(value, bytes):
        yield path, value.decode()
    else:
        yield path, value if isinstance(value, str | bool | int | float | None) else str(value)
