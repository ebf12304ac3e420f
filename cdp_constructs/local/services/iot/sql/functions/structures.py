"""Functions of arrays, objects, Null and Undefined."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.services.iot.sql.functions.function import Function, of
from cdp_constructs.local.services.iot.sql.values import UNDEFINED, as_integer

__all__ = ["STRUCTURES", "item_of"]


def item_of(value: Any, key: Any) -> Any:
    """Return the element of an array, the character of a string, or the attribute of an object."""
    if isinstance(value, dict):
        return value.get(key, UNDEFINED) if isinstance(key, str) else UNDEFINED
    index = as_integer(key) if isinstance(value, list | str) else None
    return value[index] if index is not None and 0 <= index < len(value) else UNDEFINED


def _transform(mode: Any, attributes: Any, array: Any) -> Any:
    if mode != "enrichArray" or not isinstance(attributes, dict) or not isinstance(array, list):
        return UNDEFINED
    return [{**each, **attributes} for each in array] if all(isinstance(each, dict) for each in array) else UNDEFINED


STRUCTURES: Mapping[str, Function] = {
    **of(1, {"isnull": lambda value: value is None, "isundefined": lambda value: value is UNDEFINED}),
    **of(2, {"get": item_of}),
    **of(3, {"transform": _transform}),
}
