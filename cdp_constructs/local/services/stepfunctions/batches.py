"""Step Functions: a distributed map hands items over in batches, and reads objects as the role of the workflow allows.

Around it `expressions` evaluates JSONata: what comes here has items and a context that say so.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.stepfunctions.permissions import check

_states: Any = ministack.module(
    "services.stepfunctions",
    "_ExecutionError",
    "_read_map_items",
    "_resolve_params_obj",
    "_resolve_path_or_ctx",
)

_LARGEST_BATCH = 262_144
_OF_ITEMS = frozenset({"ItemBatcher", "ItemReader", "ItemSelector", "ItemsPath", "Parameters"})


@patch("ministack.services.stepfunctions:_s3_object_text")
def _read(original: Callable[..., str], bucket: str, key: str) -> str:
    check("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", sdk=False)
    return original(bucket, key)


@patch("ministack.services.stepfunctions:_run_distributed_map")
def _map(
    original: Callable[..., Any],
    state: Mapping[str, Any],
    given: Any,
    effective: Any,
    iterator: Any,
    execution: Any,
    context: Mapping[str, Any],
) -> Any:
    if "ItemBatcher" not in state:
        return original(state, given, effective, iterator, execution, context)
    batcher = state["ItemBatcher"]
    shared = _states._resolve_params_obj(batcher["BatchInput"], effective, context) if "BatchInput" in batcher else None
    batches = [
        {**({} if shared is None else {"BatchInput": shared}), "Items": items}
        for items in _batches(_items(state, effective, context), batcher, effective, context)
    ]
    rest = {name: value for name, value in state.items() if name not in _OF_ITEMS}
    return original(rest, given, batches, iterator, execution, context)


def _items(state: Mapping[str, Any], effective: Any, context: Mapping[str, Any]) -> list[Any]:
    """Return the items, as the selector makes them."""
    if "ItemReader" in state:
        found = _states._read_map_items(state["ItemReader"], effective, context)
    else:
        found = _states._resolve_path_or_ctx(state.get("ItemsPath", "$"), effective, context)
    items = found if isinstance(found, list) else [found]
    selector = state.get("ItemSelector") or state.get("Parameters")
    if not selector:
        return items
    return [
        _states._resolve_params_obj(selector, effective, {**context, "Map": {"Item": {"Index": index, "Value": item}}})
        for index, item in enumerate(items)
    ]


def _batches(
    items: Sequence[Any], batcher: Mapping[str, Any], effective: Any, context: Mapping[str, Any]
) -> Iterator[list[Any]]:
    """Yield as many items together as the batcher lets be."""

    def number(name: str, otherwise: int) -> int:
        if path := batcher.get(f"{name}Path"):
            return int(_states._resolve_path_or_ctx(path, effective, context))
        return int(batcher.get(name, otherwise))

    most, largest = number("MaxItemsPerBatch", len(items)), number("MaxInputBytesPerBatch", _LARGEST_BATCH)
    batch: list[Any] = []
    size = 0
    for item in items:
        length = len(json.dumps(item, ensure_ascii=False).encode())
        if length > largest:
            cause = f"An item of {length} bytes is larger than a batch of {largest} bytes"
            raise _states._ExecutionError("States.ItemReaderFailed", cause)
        if batch and (len(batch) == most or size + length > largest):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch
