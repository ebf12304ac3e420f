"""SNS mobile push: endpoints have the ARNs of AWS, disabled ones refuse, and what was pushed can be read.

MiniStack answers every publish to an endpoint with success. Here an endpoint that is disabled (`SetEndpointAttributes`
with `Enabled` `false`, which on AWS SNS does when the platform says so) or deleted refuses as on AWS, and so does
one whose application is disabled. Operations on an endpoint are authorised on its application, publishing on itself.

`GET /_cdp/sns/pushes?region=…` lists what was pushed in a Region, oldest first; no platform is called.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.resources import Request, resource_of

__all__ = ["push"]

_responses: Any = ministack.module("core.responses")
_sns: Any = ministack.module("services.sns", "_error", "_p", "_platform_applications", "_platform_endpoints", "_xml")

_ENDPOINT = re.compile(r"<EndpointArn>([^<]*)</EndpointArn>")

_pushes: list[dict[str, Any]] = []


def _application_of(endpoint: str) -> str:
    """Return `…:app/GCM/chat` for `…:endpoint/GCM/chat/1234`."""
    return endpoint.replace(":endpoint/", ":app/", 1).rpartition("/")[0]


@patch("ministack.services.sns:_create_platform_endpoint")
def _create_endpoint(original: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    status, headers, body = original(parameters)
    found = _ENDPOINT.search(body.decode())
    if found and ":app/" in found[1]:
        arn = found[1].replace(":app/", ":endpoint/", 1)
        _sns._platform_endpoints[arn] = {**_sns._platform_endpoints.pop(found[1]), "arn": arn}
        body = body.replace(found[1].encode(), arn.encode())
    return status, headers, body


def _enabled(attributes: Mapping[str, str]) -> bool:
    return attributes.get("Enabled", "true").lower() == "true"


@patch("ministack.services.sns:_publish")
def _publish(original: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    target = _sns._p(parameters, "TargetArn")
    if ":endpoint/" not in target:
        return original(parameters)
    return push(target, _sns._p(parameters, "Message"), _sns._p(parameters, "MessageStructure"))


def push(target: str, message: str, structure: str) -> Any:
    """Push a message to an endpoint, and return the answer to who publishes.

    Args:
        target: The endpoint's ARN.
        message: The message; with the structure ``json`` one for each platform.
        structure: ``json``, or nothing.
    """
    endpoint = _sns._platform_endpoints.get(target)
    if endpoint is None:
        message = "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"
        return _sns._error("InvalidParameter", message, 400)
    application = _sns._platform_applications.get(endpoint["application_arn"], {"attributes": {"Enabled": "false"}})
    if not _enabled(application["attributes"]):
        return _sns._error("PlatformApplicationDisabled", "Platform application is disabled", 400)
    if not _enabled(endpoint["attributes"]):
        return _sns._error("EndpointDisabled", "Endpoint is disabled", 400)
    if structure == "json":
        try:
            forms = json.loads(message)
            message = forms.get(endpoint["application_arn"].rpartition(":")[2].split("/")[1], forms["default"])
        except (AttributeError, KeyError, ValueError):
            reason = "Invalid parameter: Message Structure - No default entry in JSON message body"
            return _sns._error("InvalidParameter", reason, 400)
    identifier = _sns.new_uuid()
    _pushes.append(
        {
            "id": identifier,
            "region": _responses.get_region(),
            "endpoint": target,
            "token": endpoint["attributes"].get("Token", ""),
            "message": message,
        }
    )
    return _sns._xml(200, "PublishResponse", f"<PublishResult><MessageId>{identifier}</MessageId></PublishResult>")


@resource_of("sns")
def _resource(known: Callable[[bytes], str], request: Request) -> str:
    arn = known(request.body)
    if arn != "*":
        return arn
    application = _sns._p(request.query, "PlatformApplicationArn")
    endpoint = _sns._p(request.query, "EndpointArn")
    named: str = application or (_application_of(endpoint) if endpoint else "*")
    return named


@route("GET", "sns/pushes")
def _list(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"pushes": [push for push in _pushes if push["region"] == request["region"]]}
