"""Lambda: the type of a function's error, dead-letter queues, and properties that CloudFormation drops.

MiniStack calls every error of a handler `Runtime.HandlerError`, so that nothing can retry or catch by name, and wraps
what goes to a dead-letter queue like what goes to a destination; AWS sends the event as it came. Its CloudFormation
drops the dead-letter queue, the reserved concurrency, the VPC and the key of a function, and accepts code that is not
there.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack, refine
from cdp_constructs.local.kit.types import Attributes, Properties

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.services.lambda_svc:_execute_function_warm",
    "ministack.services.lambda_svc:_fetch_code_from_s3",
    "ministack.services.lambda_svc:_functions",
    "ministack.services.lambda_svc:_route_async_failure",
    "ministack.services.lambda_svc:_vpc_config_with_id",
    "ministack.services.sns:_fanout",
    "ministack.services.sqs:_act_send_message",
    "ministack.services.sqs:_queue_by_arn",
)

_lambda: Any = ministack.module("services.lambda_svc")
_sns: Any = ministack.module("services.sns")
_sqs: Any = ministack.module("services.sqs")

_UNNAMED = "Runtime.HandlerError"


def _error_type(message: str, log: str) -> str | None:
    """Return the name of the exception, which the traceback at the end of the log gives before its message."""
    found = re.findall(rf"^([A-Za-z_][\w.]*){': ' if message else ''}{re.escape(message)}$", log, re.MULTILINE)
    return found[-1].rpartition(".")[2] if found else None


def _named_errors(execute: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def execute_function(*arguments: Any, **options: Any) -> dict[str, Any]:
        result = execute(*arguments, **options)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == _UNNAMED:
            body["errorType"] = _error_type(body["errorMessage"], result.get("log", "").rstrip()) or _UNNAMED
        return result

    return execute_function


def _dead_letters(route: Callable[..., None]) -> Callable[..., None]:
    def route_failure(target: str, name: str, event: Any, result: Mapping[str, Any]) -> None:
        config = _lambda._functions.get(name, {}).get("config", {})
        if target != (config.get("DeadLetterConfig") or {}).get("TargetArn"):
            route(target, name, event, result)
            return
        body, error = json.dumps(event), (result.get("body") or {}).get("errorMessage", "")
        attributes = {
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": error[:1024] or "unknown"},
        }
        if ":sns:" in target:
            _sns._fanout(target, _lambda.new_uuid(), body, "", "", attributes)
        elif queue := _sqs._queue_by_arn(target):
            message = {"QueueUrl": queue["url"], "MessageBody": body, "MessageAttributes": attributes}
            _sqs._act_send_message(message, queue["url"])

    return route_failure


def _keep_properties(name: str, properties: Properties, _attributes: Attributes) -> None:
    function = _lambda._functions[name]
    reserved = properties.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)
    function["config"]["DeadLetterConfig"] = properties.get("DeadLetterConfig") or {}
    function["config"]["VpcConfig"] = _lambda._vpc_config_with_id(properties.get("VpcConfig"))
    function["config"]["KMSKeyArn"] = properties.get("KmsKeyArn", "")


def _require_code(properties: Properties) -> None:
    code = properties.get("Code", {})
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if key and not _lambda._fetch_code_from_s3(bucket, key, version_id=code.get("S3ObjectVersion")):
        raise ValueError(f"the function's code s3://{bucket}/{key} does not exist; upload it before deploying")


def install() -> None:
    """Name errors, send events to dead-letter queues as they came, and keep what templates say."""
    refine.before("AWS::Lambda::Function", _require_code)
    refine.after("AWS::Lambda::Function", _keep_properties)
    _lambda._execute_function_warm = _named_errors(_lambda._execute_function_warm)
    _lambda._route_async_failure = _dead_letters(_lambda._route_async_failure)
