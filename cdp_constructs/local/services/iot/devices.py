"""IoT Core for devices: policy variables of the thing, certificates by signing request over MQTT, the endpoint.

MiniStack generates keys for a device; a device that generates its own key sends a signing request instead
(`$aws/certificates/create-from-csr/json`). Attaching a policy needs permission on its target, as on AWS.
"""

import asyncio
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.patch import patch, replace
from cdp_constructs.local.kit.resources import Request, resource_of

_CSR_TOPIC = "$aws/certificates/create-from-csr/json"
_CSR = "create-from-csr"

_iot: Any = ministack.module(
    "services.iot",
    "_OWNERSHIP_TOKEN_SECONDS",
    "_certificate_record",
    "_certificates",
    "_create_certificate_from_csr",
    "_fleet_rejected",
    "_ownership_tokens",
    "_things",
)
_responses: Any = ministack.module("core.responses")


def _thing_variables(thing: Mapping[str, Any]) -> dict[str, str]:
    variables = {
        f"iot:connection.thing.attributes[{name.lower()}]": value
        for name, value in (thing.get("attributes") or {}).items()
    }
    if thing.get("thingTypeName"):
        variables["iot:connection.thing.thingtypename"] = thing["thingTypeName"]
    return variables


def _sign(account: str, region: str, payload: bytes) -> tuple[str, dict[str, Any]]:
    """Answer a signing request: a certificate that is not active yet, and the token that proves its ownership."""
    try:
        request = json.loads(payload)
    except ValueError:
        request = None
    if not isinstance(request, dict) or not isinstance(request.get("certificateSigningRequest"), str):
        return _rejected("InvalidPayload", "Message cannot be parsed", 400)
    with _responses.request_scope(account, region):
        status, _headers, body = _iot._create_certificate_from_csr(request, {})
        answer = json.loads(body)
        if status >= 400:  # noqa: PLR2004 - HTTP
            return _rejected("InvalidCertificateSigningRequest", answer.get("message", ""), status)
        certificate_id = answer["certificateId"]
        _iot._certificates[certificate_id] = _iot._certificate_record(
            certificate_id, answer["certificatePem"], "PENDING_ACTIVATION"
        )
        token = secrets.token_urlsafe(48)
        _iot._ownership_tokens[token] = {
            "certificateId": certificate_id,
            "expiration": time.time() + _iot._OWNERSHIP_TOKEN_SECONDS,
        }
    return "accepted", {
        "certificateId": certificate_id,
        "certificatePem": answer["certificatePem"],
        "certificateOwnershipToken": token,
    }


def _rejected(code: str, message: str, status: int) -> tuple[str, dict[str, Any]]:
    answer: tuple[str, dict[str, Any]] = _iot._fleet_rejected(code, message, status)
    return answer


def _policy_target(path: str, body: bytes) -> str | None:
    """Return what a policy is attached to or detached from: that is what the caller needs the permission on."""
    if not path.startswith("/target-policies/"):
        return None
    try:
        target = json.loads(body or b"{}").get("target")
    except (ValueError, AttributeError):
        return None
    return target if isinstance(target, str) else None


@route("GET", "iot/address")
def _address(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"port": int(os.environ["IOT_MTLS_PORT"])}


@resource_of("iot")
def _resource(known: Callable[[bytes], str], request: Request) -> str:
    return _policy_target(request.path, request.body) or known(request.body)


@replace("ministack.services.iot:_POLICY_VARIABLE_RE")
def _variables_with_attributes(_original: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(r"\$\{(iot:[A-Za-z.]+(?:\[[^\]]+\])?)\}")


@patch("ministack.services.iot:_mqtt_policy_context")
def _policy_context(
    original: Callable[..., dict[str, str]], account: str, region: str, certificate_id: str, client_id: str
) -> dict[str, str]:
    """Add the attributes and the type of the thing to what policies can name."""
    variables = original(account, region, certificate_id, client_id)
    if "iot:connection.thing.thingname" in variables:
        with _responses.request_scope(account, region):
            variables |= _thing_variables(_iot._things.get(client_id) or {})
    return variables


@patch("ministack.services.iot:_parse_fleet_provisioning_topic")
def _parse_topic(original: Callable[[str], Any], topic: str) -> Any:
    return (_CSR, None) if topic == _CSR_TOPIC else original(topic)


@patch("ministack.services.iot:_fleet_provisioning_reply")
async def _reply(
    original: Callable[..., Any],
    account: str,
    region: str,
    operation: str,
    template: str | None,
    payload: bytes,
    connection: dict[str, Any],
) -> Any:
    if operation == _CSR:
        return _sign(account, region, payload)
    return await original(account, region, operation, template, payload, connection)


@patch("ministack.services.iot:_MtlsAcceptor.connection_made")
def _in_next_iteration(
    original: Callable[[Any, asyncio.BaseTransport], None], acceptor: Any, transport: asyncio.BaseTransport
) -> None:
    """Pass the first bytes of a connection to TLS.

    The listener pauses reading when a connection is made, which Python before 3.11.4 ignores in the same iteration of
    the event loop (gh-103607), so that the handshake waits for bytes that were dropped. In the next one it works.
    """
    if sys.version_info < (3, 11, 4):
        asyncio.get_running_loop().call_soon(original, acceptor, transport)
    else:
        original(acceptor, transport)
