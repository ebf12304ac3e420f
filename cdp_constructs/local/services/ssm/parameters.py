"""Systems Manager: an operation on several parameters is authorised for each of them.

MiniStack takes `GetParameters` and `DeleteParameters` for requests on every resource, so only a policy with `*` would
let them through.
"""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.core.iam_actions:extract_resource_arn",
    "ministack.core.iam_evaluator:enforce",
)

_iam_actions: Any = ministack.module("core.iam_actions")
_iam_evaluator: Any = ministack.module("core.iam_evaluator")

_SEPARATOR = " "  # no ARN of a parameter has one, and a message that names several stays readable


def _names(body: bytes) -> list[str]:
    try:
        names = json.loads(body).get("Names")
    except (AttributeError, ValueError):  # refused by the service
        return []
    return names if isinstance(names, list) else []


def _naming_each(extract: Callable[..., str]) -> Callable[..., str]:
    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        if service == "ssm":
            single = [json.dumps({"Name": name}).encode() for name in _names(body)]
            if single:
                return _SEPARATOR.join(extract(service, method, path, headers, one, *rest) for one in single)
        return extract(service, method, path, headers, body, *rest)

    return extract_resource_arn


def _checking_each(enforce: Callable[..., Any]) -> Callable[..., Any]:
    def enforce_each(access_key: str, action: str, service: str, region: str, **options: Any) -> Any:
        if service != "ssm":
            return enforce(access_key, action, service, region, **options)
        arns = options.pop("resource_arn", "*").split(_SEPARATOR)
        denials = (enforce(access_key, action, service, region, resource_arn=arn, **options) for arn in arns)
        return next((denial for denial in denials if denial), None)

    return enforce_each


def install() -> None:
    """Authorise each parameter."""
    _iam_actions.extract_resource_arn = _naming_each(_iam_actions.extract_resource_arn)
    _iam_evaluator.enforce = _checking_each(_iam_evaluator.enforce)
