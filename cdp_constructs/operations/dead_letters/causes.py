"""Why a message failed, as far as the message itself says."""

import json
from typing import Any

from cdp_constructs.operations.dead_letters.messages import Message

__all__ = ["body_of", "said_cause"]


def body_of(message: Message) -> Any:
    """Return the body of a message as JSON, or as text where it is none."""
    try:
        return json.loads(message.body)
    except ValueError:
        return message.body


def said_cause(message: Message) -> str | None:
    """Return what EventBridge, Lambda, AWS IoT or the function that put the message aside says about the cause."""
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    said = [message.text(name) for name in ("ERROR_CODE", "ERROR_MESSAGE", "ErrorMessage")]
    if any(said):
        return ": ".join(text for text in said if text)
    body = body_of(message)
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("failures"), list):
        # https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
        return "; ".join(f"{one.get('failedAction')}: {one.get('errorMessage')}" for one in body["failures"])
    answer, request = body.get("responsePayload"), body.get("requestContext")
    if isinstance(answer, dict) and answer.get("errorMessage"):
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        return f"{answer.get('errorType', 'error')}: {answer['errorMessage']}"
    if isinstance(request, dict) and request.get("condition"):
        return str(request["condition"])
    return str(body["reason"]) if isinstance(body.get("reason"), str) else None
