"""EventBridge Pipes: input templates and the paths of target parameters.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
"""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import expressions

__all__ = ["opened", "transformed", "value_of"]

_PLACE = re.compile(r"<(?P<path>\$[^>]*|aws\.pipes\.[\w.-]+)>")


def opened(event: Any) -> Any:
    """Return an event with the JSON in its body or data as an object, as filters and templates see it."""
    if not isinstance(event, Mapping):
        return event
    return {name: _as_json(value) if name in {"body", "data"} else value for name, value in event.items()}


def _as_json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def value_of(expression: str, event: Any) -> str:
    """Return what a parameter of a target stands for: a text, or what a path such as `$.body.id` leads to."""
    if not expression.startswith("$"):
        return expression
    found = _found(expression, opened(event), {})
    return found if isinstance(found, str) else json.dumps(found)


def _found(path: str, event: Any, reserved: Mapping[str, Any]) -> Any:
    if path in reserved:
        return reserved[path]
    if path == "$":
        return event
    matches = expressions.json_path(path, event)
    return matches[0] if matches else None


def transformed(template: str | None, event: Any, pipe: Mapping[str, Any]) -> Any:
    """Return what an input template makes of an event: JSON where it is JSON, else a text."""
    if not template:
        return event
    reserved = {
        "aws.pipes.pipe-arn": pipe["Arn"],
        "aws.pipes.pipe-name": pipe["Name"],
        "aws.pipes.source-arn": pipe["Source"],
        "aws.pipes.target-arn": pipe["Target"],
        "aws.pipes.enrichment-arn": pipe.get("Enrichment", ""),
        "aws.pipes.event.ingestion-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "aws.pipes.event.json": event,
        "aws.pipes.event": event,
    }
    seen = opened(event)

    text, rest = "", template
    while (place := _PLACE.search(rest)) is not None:
        text += rest[: place.start()]
        found = _found(place["path"], seen, reserved)
        inside_text = text.replace('\\"', "").count('"') % 2 == 1
        text += json.dumps(found)[1:-1] if inside_text and isinstance(found, str) else json.dumps(found)
        rest = rest[place.end() :]
    text += rest
    return _as_json(text)
