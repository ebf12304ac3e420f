"""Cognito: what AWS documents of the events of triggers, and MiniStack has otherwise.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit.patch import patch

_NOT_OF_ANSWERS = ("challengeName", "publicChallengeParameters", "session")
_signing_up: ContextVar[Mapping[str, Any]] = ContextVar("signing_up", default={})  # noqa: B039 - never changed


@patch("ministack.services.cognito:_sign_up")
def _sign_up(original: Callable[..., Any], data: Mapping[str, Any], *rest: Any) -> Any:
    token = _signing_up.set(data)
    try:
        return original(data, *rest)
    finally:
        _signing_up.reset(token)


@patch("ministack.services.cognito:_build_presignup_event")
def _of_sign_up(original: Callable[..., dict[str, Any]], *arguments: Any, **named: Any) -> dict[str, Any]:
    """Give the function what the client sent for it."""
    event = original(*arguments, **named)
    data = _signing_up.get()
    if metadata := data.get("ClientMetadata"):
        event["request"]["clientMetadata"] = metadata
    if validation := data.get("ValidationData"):
        event["request"]["validationData"] = {item["Name"]: item.get("Value", "") for item in validation}
    return event


@patch("ministack.services.cognito:_build_verify_auth_challenge_event")
def _of_answer(original: Callable[..., dict[str, Any]], *arguments: Any, **named: Any) -> dict[str, Any]:
    event = original(*arguments, **named)
    event["request"] = {name: value for name, value in event["request"].items() if name not in _NOT_OF_ANSWERS}
    return event
