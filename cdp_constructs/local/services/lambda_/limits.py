"""Lambda: times, memory and variables that AWS refuses are refused, in templates and in requests.

Requests get here from `cloudformation/text_rules/requests.py`, which looks at all that create or change something.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html has the names and the size of variables.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties

__all__ = ["problem_of"]

_RANGES = {"Timeout": ("timeout", 1, 900), "MemorySize": ("memorySize", 128, 10_240)}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_MOST_BYTES = 4_096
_RESERVED = {
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"),
    *("AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME"),
    *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME"),
    *("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY"),
    *("AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT"),
}


def problem_of(properties: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the error code and the message with which AWS refuses a configuration; None for one that it takes."""
    for name, (place, least, most) in _RANGES.items():
        value = properties.get(name)
        if value is not None and not least <= int(value) <= most:
            bound = f"less than or equal to {most}" if int(value) > most else f"greater than or equal to {least}"
            failed = f"Value '{value}' at '{place}' failed to satisfy constraint: Member must have value {bound}"
            return "ValidationException", f"1 validation error detected: {failed}"
    return _problem_of_variables((properties.get("Environment") or {}).get("Variables") or {})


def _problem_of_variables(variables: Mapping[str, Any]) -> tuple[str, str] | None:
    unable = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    code = "InvalidParameterValueException"
    if reserved := sorted(_RESERVED & variables.keys()):
        keys = ", ".join(reserved)
        return code, f"{unable} contains reserved keys that are currently not supported for modification: {keys}"
    if wrong := [name for name in variables if not _NAME.fullmatch(name)]:
        return (
            "ValidationException",
            f"1 validation error detected: the key {wrong[0]!r} does not match {_NAME.pattern}",
        )
    size = len(json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False).encode())
    return (code, f"{unable} exceeded the 4KB limit: {size:,} bytes") if size > _MOST_BYTES else None


@before("AWS::Lambda::Function")
def _check(properties: Properties) -> None:
    if problem := problem_of(properties):
        code, message = problem
        raise ValueError(f"{message} (Service: Lambda, Status Code: 400, {code})")
