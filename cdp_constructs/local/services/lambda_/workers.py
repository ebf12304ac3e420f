"""Lambda: how many workers a function has, and when its log is complete.

MiniStack starts a worker for every invocation that finds none free, so that an overloaded machine ends up with a
process for each invocation and completes none of them. Here the number of workers of a function is limited, and further
invocations by APIs and event sources wait for one. The operation Invoke does not wait: a function may have called it,
even for itself.

After an invocation MiniStack waits for log lines, because log and response use different pipes. Here the worker marks
the end of an invocation in the log.
"""

import os
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace

_lambda: Any = ministack.module("services.lambda_svc", "_invoke_depth")
_lambda_runtime: Any = ministack.module("core.lambda_runtime", "_worker_key")

_MOST_WORKERS = max(8, 2 * (os.cpu_count() or 1))
_LONGEST_WAIT = 30.0
"""Seconds that an invocation waits for a worker; then it gets a new one, so that nothing waits for itself forever."""
_LATEST_LOG = 0.25
"""Seconds after its answer within which a worker's log has come."""

_CALL = "            result = handler_fn(event, context)\n"
_END_OF_CALL = "\x1e end of call"
_MARKED_CALL = f"""\
            try:
                result = handler_fn(event, context)
            finally:
                print({_END_OF_CALL!r}, file=sys.stderr, flush=True)
"""


_freed: defaultdict[str, threading.Condition] = defaultdict(threading.Condition)
"""By function and version, where calls wait for a worker."""


@patch("ministack.services.lambda_svc:acquire_worker")
def _acquire(
    original: Callable[..., tuple[Any, str]], name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST"
) -> tuple[Any, str]:
    """Wait where MiniStack would start one worker more than a function may have."""
    call = (name, config, code, qualifier)
    if _lambda._invoke_depth.get():
        return original(*call)
    freed = _freed[_lambda_runtime._worker_key(name, config, qualifier)]
    deadline = time.monotonic() + _LONGEST_WAIT
    with freed:
        while (left := deadline - time.monotonic()) > 0:
            worker, reason = original(*call, max_concurrency=_MOST_WORKERS)
            if worker is not None:
                return worker, reason
            # Workers that were killed free their place without a notification.
            freed.wait(min(left, 1))
    return original(*call)


@patch("ministack.services.lambda_svc:release_worker")
def _release(original: Callable[[Any], None], worker: Any) -> None:
    """Notify one call that waits."""
    original(worker)
    if worker is not None:
        qualifier = worker.config.get("Version", "$LATEST")
        freed = _freed[_lambda_runtime._worker_key(worker.func_name, worker.config, qualifier)]
        with freed:
            freed.notify()


@replace("ministack.core.lambda_runtime:_PYTHON_WORKER_SCRIPT")
def _script(original: str) -> str:
    if original.count(_CALL) != 1:
        raise RuntimeError(f"MiniStack's worker does not have the line {_CALL.strip()!r} once")
    return original.replace(_CALL, _MARKED_CALL)


@patch("ministack.core.lambda_runtime:Worker._drain_stderr_bounded")
def _log_of_call(original: Callable[[Any], str], worker: Any) -> str:
    if not str(worker.config.get("Runtime", "python")).startswith("python"):
        return original(worker)
    lines: list[str] = []
    # A worker that was killed, or whose handler never returned, says nothing.
    deadline = time.monotonic() + _LATEST_LOG
    while (left := deadline - time.monotonic()) > 0:
        try:
            line: str = worker._stderr_queue.get(timeout=left)
        except queue.Empty:
            break
        rest, end, _ = line.partition(_END_OF_CALL)
        if rest or not end:
            lines.append(rest)
        if end:
            break
    return "\n".join(lines)
