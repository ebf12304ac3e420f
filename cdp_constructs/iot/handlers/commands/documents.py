"""JSON of callers and of devices. Nothing here does I/O."""

import json
import math
from typing import Any

from pydantic_core import from_json


def as_json(value: Any) -> str:
    """Return a value as JSON that every device and every shadow reads.

    Raises:
        ValueError: for a number that is not finite, as 1e999 is read, and for half a surrogate pair.
    """
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    return json.dumps(value)


def document(text: str | bytes) -> Any:
    """Return what a device sent; a number that is not finite is None, because no answer can have it.

    Raises:
        ValueError: for text that is no JSON.
    """
    return _finite(from_json(text, allow_inf_nan=False))


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list():
            return [_finite(inner) for inner in value]
    return value
