"""Administration of the embedded cloud over HTTP, under `/_cdp/`: for tests and drills, where AWS has no API.

The gateway lets in who has the root key, as it does to MiniStack's own `/_ministack/`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit.patch import Change, patch

__all__ = ["PREFIX", "AdminError", "Route", "route"]

PREFIX = "/_cdp/"

Action: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
_Response: TypeAlias = tuple[int, dict[str, str], bytes]

_actions: dict[tuple[str, str], Action] = {}


class AdminError(ValueError):
    """An administration request that cannot be fulfilled; the message is returned to the client."""


class Route(Change):
    """Handles the requests of one method to one path; can be called like the decorated function."""

    def __init__(self, method: str, path: str, action: Action) -> None:
        self._key = (method, PREFIX + path)
        self._action = action

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Handle a request."""
        return self._action(request)

    def apply(self) -> None:
        """Register the route."""
        _actions[self._key] = self._action

    def undo(self) -> None:
        """Remove the route."""
        del _actions[self._key]


def route(method: str, path: str) -> Callable[[Action], Route]:
    """Answer `<method> /_cdp/<path>` with the decorated function.

    It gets the JSON body and the query parameters in one mapping, runs on the server's event loop, and returns what is
    sent back as JSON.
    """
    return lambda action: Route(method, path, action)


def _answer(status: int, document: Mapping[str, Any]) -> _Response:
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


def _serve(method: str, path: str, body: bytes, query: Mapping[str, list[str]]) -> _Response:
    action = _actions.get((method, path))
    if action is None:
        known = ", ".join(sorted(f"{known_method} {known_path}" for known_method, known_path in _actions))
        return _answer(404, {"message": f"no {method} {path}; there are {known}"})
    try:
        document = json.loads(body or b"{}")
        return _answer(200, action({**document, **{name: values[-1] for name, values in query.items()}}))
    except (AdminError, json.JSONDecodeError, KeyError, TypeError) as error:
        return _answer(400, {"message": f"{type(error).__name__}: {error}"})


@patch("ministack.app:_handle_post_body_shortcuts")
async def _administered(
    original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str
) -> Any:
    if path.startswith(PREFIX):
        return _serve(method, path, body, query)
    return await original(method, path, headers, body, query, request_id)
