"""Systems Manager: an operation on several parameters is authorised for each of them.

MiniStack treats `GetParameters` and `DeleteParameters` as requests on every resource, so only a policy with `*` would
allow them.
"""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.resources import Request, resource_of

_SEPARATOR = " "  # no ARN of a parameter has one, and a message that names several stays readable


def _names(body: bytes) -> list[str]:
    try:
        names = json.loads(body).get("Names")
    except (AttributeError, ValueError):  # refused by the service
        return []
    return names if isinstance(names, list) else []


@resource_of("ssm")
def _resources(known: Callable[[bytes], str], request: Request) -> str:
    single = [json.dumps({"Name": name}).encode() for name in _names(request.body)]
    return _SEPARATOR.join(map(known, single)) if single else known(request.body)


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
