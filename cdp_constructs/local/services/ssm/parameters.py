"""Systems Manager: names that CloudFormation generates, and operations on several parameters.

MiniStack puts the name of the stack first in a generated name, where a parameter's must not begin with `aws` or `ssm`.
It treats `GetParameters` and `DeleteParameters` as requests on every resource, so only a policy with `*` would
allow them; an operation is authorised for each parameter.
"""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import handler
from cdp_constructs.local.kit.resources import Request, resource_of
from cdp_constructs.local.kit.sdk import generated_name
from cdp_constructs.local.kit.types import Properties

_SEPARATOR = " "  # no ARN of a parameter has one, and a message that names several stays readable


def _names(body: bytes) -> list[str]:
    try:
        names = json.loads(body).get("Names")
    except (AttributeError, ValueError):  # refused by the service
        return []
    return names if isinstance(names, list) else []


@patch(handler("AWS::SSM::Parameter", "create"))
def _create(original: Callable[..., Any], logical_id: str, properties: Properties, stack_name: str) -> Any:
    if not properties.get("Name"):
        properties = {**properties, "Name": generated_name("CFN", logical_id)}
    return original(logical_id, properties, stack_name)


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
