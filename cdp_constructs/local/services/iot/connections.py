"""IoT Core: the end of connections, by DeleteConnection and with the certificate that they were made with."""

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.resources import Request, resource_of

_iot: Any = ministack.module("services.iot", "_connected_clients", "_persistent_sessions")
_responses: Any = ministack.module("core.responses")

_CONNECTIONS = "/connections/"
_CERTIFICATES = "/certificates/"

_Answer = tuple[int, dict[str, str], bytes]


async def _end(session: Any, reason: str) -> None:
    """Close a client's connection, and publish its will and its lifecycle event."""
    session._forced_disconnect_reason = reason
    # The other side may be gone already.
    with contextlib.suppress(Exception):
        await session._send({"type": "websocket.close", "code": 1000})
    await session.cleanup()


async def _delete_connection(client_id: str, options: Mapping[str, Any]) -> _Answer:
    key = (_responses.get_account_id(), _responses.get_region(), client_id)
    session = _iot._connected_clients.get(key)
    if session is None:
        answer: _Answer = _responses.error_response_json("ResourceNotFoundException", "Client is not connected", 404)
        return answer
    if _is_true(options.get("preventWillMessage")):
        session._will_topic = None
    await _end(session, "API_INITIATED_DISCONNECT")
    if _is_true(options.get("cleanSession")):
        _iot._persistent_sessions.pop(key, None)
    done: _Answer = _responses.json_response({})
    return done


def _is_true(value: Any) -> bool:
    return str(value[0] if isinstance(value, list) and value else value).lower() == "true"


@patch("ministack.services.iot_data:handle_request")
async def _data_request(
    original: Callable[..., Awaitable[_Answer]],
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> _Answer:
    if method == "DELETE" and path.startswith(_CONNECTIONS):
        return await _delete_connection(unquote(path.removeprefix(_CONNECTIONS)), query)
    return await original(method, path, headers, body, query)


@patch("ministack.services.iot:_route_request")
async def _request(
    original: Callable[..., Awaitable[_Answer]],
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> _Answer:
    """End the connections of a certificate that is no longer active; AWS does so within minutes."""
    answer = await original(method, path, headers, body, query)
    if method == "PUT" and path.startswith(_CERTIFICATES) and answer[0] == 200:  # noqa: PLR2004 - HTTP
        certificate_id = path.removeprefix(_CERTIFICATES)
        if _status(body, query) != "ACTIVE":
            for session in list(_iot._connected_clients.values()):
                if session.certificate_id == certificate_id:
                    await _end(session, "FORBIDDEN_ACCESS")
    return answer


def _status(body: bytes, query: Mapping[str, Any]) -> str:
    """Return the status that UpdateCertificate sets; the SDK sends it in the query."""
    value = query.get("newStatus") or json.loads(body or b"{}").get("newStatus", "")
    return str(value[0] if isinstance(value, list) else value)


@resource_of("iot-data")
def _client(known: Callable[[bytes], str], request: Request) -> str:
    """Return the client whose connection is deleted: the permission is on it."""
    if request.path.startswith(_CONNECTIONS):
        client_id = unquote(request.path.removeprefix(_CONNECTIONS))
        return f"arn:aws:iot:{request.region}:{request.account}:client/{client_id}"
    return known(request.body)
