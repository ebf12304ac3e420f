"""JSON schemas of request bodies: what API Gateway checks, and how large a body can become that fits."""

from collections.abc import Mapping
from typing import Any

from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError

# A control character is written \u0001; every other one takes at most four bytes of UTF-8.
_BYTES_OF_A_CHARACTER = 6
_SIZES = {"boolean": 5, "integer": 32, "null": 4, "number": 32}
_ANNOTATIONS = {"$schema", "default", "description", "title"}
_KEYWORDS = {
    "array": {"items", "maxItems", "minItems", "uniqueItems"},
    "boolean": set[str](),
    "integer": {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"},
    "null": set[str](),
    "number": {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"},
    "object": {"additionalProperties", "maxProperties", "minProperties", "properties", "required"},
    "string": {"format", "maxLength", "minLength", "pattern"},
}
_DRAFT = "https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html"


def check_schema(construct: Construct, schema: Mapping[str, Any], *, limit: int, source: str) -> None:
    """Refuse a schema that lets bodies through which are larger than a service takes.

    Args:
        construct: The pattern.
        schema: JSON Schema, draft 4, of an object.
        limit: Bytes that the service takes.
        source: Where AWS says so.

    Raises:
        InvalidOptionError: for a schema without bounds, of other keywords, or of larger bodies.
    """
    if schema.get("type") != "object":
        fix = 'Give a JSON object: {"type": "object", "properties": {…}, "additionalProperties": False}'
        raise InvalidOptionError(construct, "schema", f"contains the type {schema.get('type')!r} at $", fix)
    size = _largest(construct, schema, "$")
    if size > limit:
        fix = f"Use a lower maxLength or maxItems, until it is at most {limit:,} bytes ({source}), or take a key of S3"
        raise InvalidOptionError(construct, "schema", f"has {size:,} bytes at its largest", fix)


def _largest(construct: Construct, schema: Any, place: str) -> int:
    """Return how many bytes a value of a schema has at most; a number counts as 32."""
    if not isinstance(schema, Mapping):
        raise InvalidOptionError(construct, "schema", f"contains {schema!r} at {place}", "Write a JSON schema there")
    if "enum" in schema:
        return max((_written(value) for value in schema["enum"]), default=0)
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if not kinds or any(kind not in _KEYWORDS for kind in kinds):
        fix = f"Name one of {', '.join(_KEYWORDS)}"
        raise InvalidOptionError(construct, "schema", f"contains the type {schema.get('type')!r} at {place}", fix)
    known = _ANNOTATIONS.union({"type"}, *(_KEYWORDS[kind] for kind in kinds))
    unknown = next((name for name in schema if name not in known), None)
    if unknown is not None:
        fix = f"Leave it out: only these bound the size of a body: {', '.join(sorted(known - _ANNOTATIONS))} ({_DRAFT})"
        raise InvalidOptionError(construct, "schema", f"contains {unknown} at {place}", fix)
    return max(_of_kind(construct, kind, schema, place) for kind in kinds)


def _of_kind(construct: Construct, kind: str, schema: Mapping[str, Any], place: str) -> int:
    if kind == "string":
        return 2 + _BYTES_OF_A_CHARACTER * _bound(construct, schema, "maxLength", place)
    if kind == "array":
        item = _largest(construct, schema.get("items"), f"{place}[*]")
        return 2 + _bound(construct, schema, "maxItems", place) * (item + 1)
    if kind == "object":
        if schema.get("additionalProperties") is not False:
            fix = 'Add "additionalProperties": False: what is not described would go through unchecked'
            raise InvalidOptionError(construct, "schema", f"contains an open object at {place}", fix)
        properties: Mapping[str, Any] = schema.get("properties") or {}
        return 2 + sum(
            _written(name) + 2 + _largest(construct, value, f"{place}.{name}") for name, value in properties.items()
        )
    return _SIZES[kind]


def _bound(construct: Construct, schema: Mapping[str, Any], name: str, place: str) -> int:
    bound = schema.get(name)
    if not isinstance(bound, int) or isinstance(bound, bool) or bound < 0:
        problem = f"contains no {name} at {place}" if bound is None else f"contains the {name} {bound!r} at {place}"
        raise InvalidOptionError(construct, "schema", problem, f'Add it, such as "{name}": 100')
    return bound


def _written(value: Any) -> int:
    return 2 + _BYTES_OF_A_CHARACTER * len(str(value))
