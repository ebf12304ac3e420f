"""Step Functions: a task that waits for its token fails when no heartbeat comes, and a token is good for one answer.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.services.stepfunctions.executions import running

_states: Any = ministack.module("services.stepfunctions", "_task_tokens")
_responses: Any = ministack.module("core.responses", "error_response_json")

_LOOKS_AGAIN = 0.2  # seconds
_ended: set[str] = set()
"""Tokens of tasks that have ended."""
_waiting: dict[str, Mapping[str, Any]] = {}
"""By token, the execution that waits for it."""


@patch("ministack.services.stepfunctions:_invoke_with_callback")
def _wait(original: Callable[..., Any], resource: str, payload: Any, token: str, state: Mapping[str, Any]) -> Any:
    done = threading.Event()
    _waiting[token] = running.get({})
    if seconds := state.get("HeartbeatSeconds"):
        tokens = _states._task_tokens
        threading.Thread(target=_watch, args=(_reading(tokens, token), seconds, done), daemon=True).start()
    try:
        return original(resource, payload, token, state)
    finally:
        done.set()
        _ended.add(token)
        _waiting.pop(token, None)


def _reading(tokens: Any, token: str) -> Callable[[], dict[str, Any] | None]:
    """Return what reads the entry of a token in the account and the Region of this thread."""
    context = contextvars.copy_context()
    return lambda: context.run(tokens.get, token)


def _watch(entry: Callable[[], dict[str, Any] | None], seconds: float, done: threading.Event) -> None:
    last, seen = time.monotonic(), None
    while not done.wait(min(_LOOKS_AGAIN, seconds)):
        info = entry()
        if info is not None and info["heartbeat"] != seen:
            last, seen = time.monotonic(), info["heartbeat"]
        if info is not None and time.monotonic() - last > seconds and not info["event"].is_set():
            info["error"] = {"Error": "States.HeartbeatTimeout", "Cause": ""}
            info["event"].set()
            return


@patch_each(*(f"ministack.services.stepfunctions:_send_task_{kind}" for kind in ("failure", "heartbeat", "success")))
def _send(original: Callable[..., Any], request: Mapping[str, Any]) -> Any:
    token = request.get("taskToken", "")
    info = _states._task_tokens.get(token)
    stopped = _waiting.get(token, {}).get("status", "RUNNING") != "RUNNING"
    if token in _ended or stopped or (info is not None and info["event"].is_set()):
        message = "Task Timed Out: 'Provided task does not exist anymore'"
        return _responses.error_response_json("TaskTimedOut", message, 400)
    return original(request)
