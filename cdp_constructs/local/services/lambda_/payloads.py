"""Lambda: an answer that is larger than Lambda takes is an error of the function.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch

_MOST_BYTES = 6_291_556
_TOO_LARGE = {
    "errorType": "Function.ResponseSizeTooLarge",
    "errorMessage": f"Response payload size exceeded maximum allowed payload size ({_MOST_BYTES} bytes).",
}


@patch("ministack.services.lambda_svc:_execute_function_warm")
def _execute(original: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    result = original(*arguments)
    if result.get("error") or not _is_too_large(result.get("body")):
        return result
    return {**result, "body": dict(_TOO_LARGE), "error": True}


def _is_too_large(body: Any) -> bool:
    if isinstance(body, str | list | tuple | Mapping):
        return (
            len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))
            > _MOST_BYTES
        )
    return False
