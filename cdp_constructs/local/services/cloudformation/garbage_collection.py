"""When the server collects garbage: a full collection looks at everything, and nothing is served meanwhile.

What was deployed stays, so it is looked at no more once its stack is there; collections of what requests leave behind
are rarer than Python's own, which come every 700 objects.
"""

import gc
from collections.abc import Awaitable, Callable
from typing import Any

from cdp_constructs.local.kit.patch import patch

__all__ = ["settle"]

_YOUNG, _MIDDLE, _OLD = 20_000, 20, 50


def settle() -> None:
    """Leave alone what is there now, and collect more rarely from now on."""
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    gc.collect()
    gc.freeze()


@patch("ministack.services.cloudformation.stacks:_deploy_stack_async")
async def _deploy(original: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
    try:
        return await original(*arguments, **options)
    finally:
        gc.collect()
        gc.freeze()
