"""Lambda: what a function logs does not bring back a log group that was deleted, unless its role may create one."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.iam.evaluation import role_allows

_logs: Any = ministack.module("services.cloudwatch_logs", "_log_groups", "_make_group_arn")


@patch("ministack.services.lambda_svc:_emit_lambda_logs")
def _emit(original: Callable[..., None], function: Mapping[str, Any], *given: Any, **named: Any) -> None:
    config = function.get("config") or function
    # The group of a function that names none is made by Lambda at its first start.
    name = (config.get("LoggingConfig") or {}).get("LogGroup")
    role = str(config.get("Role", ""))
    is_own = name and name != f"/aws/lambda/{config.get('FunctionName')}"
    # A role that was deleted with the group allows nothing either.
    if is_own and name not in _logs._log_groups:
        arn = _logs._make_group_arn(name)
        if not role_allows(role, "lambda", "logs:CreateLogGroup", arn):
            return
    original(function, *given, **named)
