"""Systems Manager: an operation on several parameters is authorised for each of them.

MiniStack treats `GetParameters` and `DeleteParameters` as requests on every resource, so only a policy with `*` would
allow them.
"""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit.patch import patch

_SEPARATOR = " "  # no ARN of a parameter has one, and a message that names several stays readable


def _names(body: bytes) -> list[str]:
    try:
        names = json.loads(body).get("Names")
    except (AttributeError, ValueError):  # refused by the service
        return []
    return names if isinstance(names, list) else []


@patch("ministack.core.iam_actions:extract_resource_arn")
def _resources(
    original: Callable[..., str], service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any
) -> str:
    if service == "ssm":
        single = [json.dumps({"Name": name}).encode() for name in _names(body)]
        if single:
            return _SEPARATOR.join(original(service, method, path, headers, one, *rest) for one in single)
    return original(service, method, path, headers, body, *rest)


@patch("ministack.core.iam_evaluator:enforce")
def _enforce_each(
    original: Callable[..., Any],
    access_key: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    **options: Any,
) -> Any:
    arns = resource_arn.split(_SEPARATOR) if service == "ssm" else [resource_arn]
    denials = (original(access_key, action, service, region, resource_arn=arn, **options) for arn in arns)
    return next((denial for denial in denials if denial), None)
