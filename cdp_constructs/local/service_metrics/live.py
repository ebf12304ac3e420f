"""AppSync Events: requests to publish.

https://docs.aws.amazon.com/appsync/latest/eventapi/cloudwatch-metrics.html
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch

_events: Any = ministack.module("services.appsync_events", "_discover_api_scope")
_responses: Any = ministack.module("core.responses")


@patch("ministack.app:_dispatch_service_request")
async def _published(
    original: Callable[..., Awaitable[Any]], method: str, path: str, headers: Mapping[str, str], *rest: Any
) -> Any:
    if (method, path) != ("POST", "/event"):
        return await original(method, path, headers, *rest)
    started = time.perf_counter()
    answer = await original(method, path, headers, *rest)
    api_id = headers.get("host", "").partition(".")[0]
    scope = _events._discover_api_scope(api_id, _responses.get_account_id())
    if scope is not None:
        status, latency = int(answer[0]), round((time.perf_counter() - started) * 1000)
        with _responses.request_scope(*scope):
            of_api = {"EventAPIId": api_id}
            emit("AWS/AppSync", "Requests", of_api)
            emit("AWS/AppSync", "4XXError", of_api, int(status // 100 == 4))  # noqa: PLR2004 - HTTP
            emit("AWS/AppSync", "5XXError", of_api, int(status // 100 == 5))  # noqa: PLR2004 - HTTP
            emit("AWS/AppSync", "Latency", of_api, latency, unit="Milliseconds")
    return answer
