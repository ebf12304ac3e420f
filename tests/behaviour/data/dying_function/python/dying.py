"""A layer that lets a function die of a record: no exception that it could catch, as when its memory is used up."""

import base64
import os
from importlib import import_module
from typing import Any

index = import_module("handlers.speed_layer.index")


def handler(event: dict[str, Any], context: object) -> Any:
    if any(b"deadly" in base64.b64decode(record["kinesis"]["data"]) for record in event["Records"]):
        os._exit(1)
    return index.handler(event, context)
