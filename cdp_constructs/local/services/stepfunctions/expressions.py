"""Step Functions: what paths, intrinsic functions and JSONata come to in the fields of a state.

In MiniStack a path that leads nowhere is null, a wrong argument of an intrinsic function is an error of Python, and the
fields of JSONata are missing in parallel states and distributed maps.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_states: Any = ministack.module(
    "services.stepfunctions",
    "_ExecutionError",
    "_apply_jsonata_arguments",
    "_apply_jsonata_output",
    "_apply_jsonata_template",
    "_apply_state_assign",
    "_jsonata_state_field",
    "_parse_jsonpath_tokens",
    "_state_query_language",
)
_JSONATA = "JSONata"
_MAP_INPUT = "cdpMapInput"
"""Where the context of an item has the input of its map."""


# --- intrinsic functions --------------------------------------------------------------------------------------------


@patch("ministack.services.stepfunctions:_exec_intrinsic")
def _call(original: Callable[..., Any], node: tuple[Any, ...], data: Any, context: Any) -> Any:
    name, arguments = node[1], node[2]
    if name == "States.ArrayGetItem":
        # Beyond the end there is nothing, which is no error: an integration test of the CDK relies on it.
        items, place = original(("call", "States.Array", arguments), data, context)
        if isinstance(items, list) and isinstance(place, int) and place >= len(items):
            return None
    try:
        return original(node, data, context)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        cause = f"The function '{name}' had the following error: Invalid arguments in {name}"
        raise _states._ExecutionError("States.IntrinsicFailure", cause) from error


# --- paths ----------------------------------------------------------------------------------------------------------


def _leads_nowhere(path: str, data: Any) -> bool:
    """Whether a reference path, without wildcards and filters, names what is not there."""
    tokens = _states._parse_jsonpath_tokens(path)
    if tokens is None or any(kind not in {"field", "index"} for kind, _ in tokens):
        return False
    found = data
    for _, name in tokens:
        try:
            found = found[name]
        except (LookupError, TypeError):
            return True
    return False


def _check(template: Any, data: Any) -> None:
    if isinstance(template, list):
        for each in template:
            _check(each, data)
    elif isinstance(template, Mapping):
        for name, value in template.items():
            if not name.endswith(".$"):
                _check(value, data)
            elif isinstance(value, str) and value[:1] == "$" != value[1:2] and _leads_nowhere(value, data):
                shown = json.dumps(data, default=str)
                cause = f"The JSONPath '{value}' specified for the field '{name}' could not be found in the input"
                raise _states._ExecutionError("States.Runtime", f"{cause} '{shown}'")


@patch("ministack.services.stepfunctions:_resolve_params_obj")
def _fields(original: Callable[..., Any], template: Any, data: Any, context: Any = None) -> Any:
    if context and _MAP_INPUT in context:
        return _states._apply_jsonata_template(template, context[_MAP_INPUT], context)
    _check(template, data)
    return original(template, data, context)


# --- JSONata of parallel states and distributed maps -----------------------------------------------------------------


def _is_jsonata(state: Mapping[str, Any], context: Any) -> bool:
    return bool(_states._state_query_language(state, context) == _JSONATA)


def _ended(state: Mapping[str, Any], given: Any, context: Any, results: Any) -> Any:
    output = _states._apply_jsonata_output(state, given, context, result=results, default=results)
    _states._apply_state_assign(state, given, context, result=results)
    return output


@patch("ministack.services.stepfunctions:_run_parallel_branches")
def _parallel(
    original: Callable[..., tuple[Any, Any]], state: Mapping[str, Any], given: Any, execution: Any, context: Any
) -> tuple[Any, Any]:
    if not _is_jsonata(state, context):
        return original(state, given, execution, context)
    results, following = original(state, _states._apply_jsonata_arguments(state, given, context), execution, context)
    return _ended(state, given, context, results), following


@patch("ministack.services.stepfunctions:_run_distributed_map")
def _distributed(
    original: Callable[..., tuple[Any, Any]],
    state: Mapping[str, Any],
    given: Any,
    effective: Any,
    processor: Any,
    execution: Any,
    context: Any,
) -> tuple[Any, Any]:
    if not _is_jsonata(state, context):
        return original(state, given, effective, processor, execution, context)
    if "Items" in state and "ItemReader" not in state:
        effective = _states._jsonata_state_field(state, "Items", "array", given, context)
    inside = {**context, _MAP_INPUT: given}
    results, following = original(state, given, effective, processor, execution, inside)
    return _ended(state, given, context, results), following


@patch("ministack.services.stepfunctions:_run_sub_machine")
def _inside(original: Callable[..., Any], states: Any, start_at: Any, data: Any, execution: Any, context: Any) -> Any:
    context.pop(_MAP_INPUT, None)
    return original(states, start_at, data, execution, context)


@patch("ministack.services.stepfunctions:_read_map_items")
def _read(original: Callable[..., Sequence[Any]], reader: Mapping[str, Any], effective: Any, context: Any) -> Any:
    if _MAP_INPUT not in context:
        return original(reader, effective, context)
    evaluated = _states._apply_jsonata_template(
        {name: reader[name] for name in ("Arguments", "ReaderConfig") if name in reader}, context[_MAP_INPUT], context
    )
    return original({**reader, **evaluated}, effective, context)
