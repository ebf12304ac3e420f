"""Lambda: what AWS documents of events, and MiniStack leaves out or names otherwise.

`tests/local/test_event_shapes.py` compares the events of each source with AWS's examples.
"""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_apigateway: Any = ministack.module("services.apigateway", "_HOST")

_IDENTITY = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn"),
)


@patch("ministack.services.lambda_svc:_execute_function_with_config_scope")
def _execute(original: Callable[..., dict[str, Any]], function: Any, event: Any) -> dict[str, Any]:
    if isinstance(event, dict):
        if "ResponseURL" in event and "ResourceProperties" in event:
            event.setdefault("ServiceToken", event["ResourceProperties"].get("ServiceToken"))
        request = event.get("requestContext")
        if isinstance(request, dict) and "http" in request:
            _complete(event, request)
    return original(function, event)


def _complete(event: dict[str, Any], request: dict[str, Any]) -> None:
    """Complete the event of an HTTP API or a function URL."""
    request.setdefault("domainPrefix", str(request.get("domainName", "")).partition(".")[0])
    cookies = event.get("headers", {}).get("cookie")
    if cookies:
        event.setdefault("cookies", [cookie.strip() for cookie in cookies.split(";")])


@patch("ministack.services.apigateway_v1:_build_lambda_event_v1")
def _of_rest_api(original: Callable[..., dict[str, Any]], api_id: str, *given: Any, **named: Any) -> dict[str, Any]:
    event = original(api_id, *given, **named)
    # Only HTTP APIs say a version.
    event.pop("version", None)
    request = event["requestContext"]
    request |= {"domainName": f"{api_id}.execute-api.{_apigateway._HOST}", "domainPrefix": api_id}
    request["identity"] = dict.fromkeys(_IDENTITY) | request["identity"]
    return event
