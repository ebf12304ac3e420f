"""EventBridge: an event whose detail is no JSON object fails by itself; events that are too long together are refused.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.validation import InvalidValueError, validate

_responses: Any = ministack.module("core.responses", "json_response")

_MOST_BYTES = 1024 * 1024
_TIME = 14


def _size(entry: Mapping[str, Any]) -> int:
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ())]
    return sum(len(text.encode()) for text in texts if text) + (_TIME if entry.get("Time") else 0)


@validate(requests={"events": ("PutEvents",)})
def _sizes(values: Mapping[str, Any]) -> None:
    if sum(map(_size, values["Entries"])) > _MOST_BYTES:
        raise InvalidValueError("ValidationException", "Total size of the entries in the request is over the limit.")


def _problem(entry: Mapping[str, Any]) -> dict[str, str] | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"{name} is a required argument."
            message = f"Parameter {name} is not valid. Reason: {reason}"
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
    try:
        fits = isinstance(json.loads(entry["Detail"]), dict)
    except (RecursionError, ValueError):
        fits = False
    return None if fits else {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


@patch("ministack.services.eventbridge:_put_events")
def _put(original: Callable[..., Any], data: Mapping[str, Any], *rest: Any, **options: Any) -> Any:
    entries = data.get("Entries") or []
    problems = [_problem(entry) for entry in entries]
    if not any(problems):
        return original(data, *rest, **options)
    valid = [entry for entry, problem in zip(entries, problems, strict=True) if problem is None]
    status, headers, body = original({**data, "Entries": valid}, *rest, **options)
    if status != 200:  # noqa: PLR2004 - the request itself is refused
        return status, headers, body
    answer = json.loads(body)
    delivered = iter(answer["Entries"])
    results = [problem or next(delivered) for problem in problems]
    failed = answer["FailedEntryCount"] + len(problems) - len(valid)
    return _responses.json_response({"FailedEntryCount": failed, "Entries": results})
