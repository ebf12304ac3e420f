"""IoT Core: a message over HTTP on a topic that is too deep, or with a payload that is too long, is refused.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""

from collections.abc import Awaitable, Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_responses: Any = ministack.module("core.responses", "error_response_json")

_MOST_BYTES = 128 * 1024
_MOST_SLASHES = 7
_BASIC_INGEST = "$aws/rules/"


@patch("ministack.services.iot_data:_publish")
async def _publish(original: Callable[..., Awaitable[Any]], topic: str, body: bytes, *rest: Any) -> Any:
    own = topic.removeprefix(_BASIC_INGEST).partition("/")[2] if topic.startswith(_BASIC_INGEST) else topic
    if own.count("/") > _MOST_SLASHES:
        message = f"Topic must not have more than {_MOST_SLASHES} forward slashes"
        return _responses.error_response_json("InvalidRequestException", message, 400)
    if len(body) > _MOST_BYTES:
        message = f"The payload has {len(body):,} bytes, and at most {_MOST_BYTES:,} are allowed"
        return _responses.error_response_json("RequestEntityTooLargeException", message, 413)
    return await original(topic, body, *rest)
