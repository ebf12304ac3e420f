"""Lambda: error types, dead-letter queues, and properties that MiniStack's CloudFormation drops.

MiniStack reports every error of a handler as `Runtime.HandlerError`, so that nothing can retry or catch by error name,
and wraps events for a dead-letter queue like those for a destination; AWS sends the original event. Its CloudFormation
drops the dead-letter queue, the reserved concurrency, the VPC and the key of a function, and accepts code that does not
exist.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after, before
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.lambda_ import languages

_lambda: Any = ministack.module("services.lambda_svc", "_fetch_code_from_s3", "_functions", "_vpc_config_with_id")
_sns: Any = ministack.module("services.sns", "_fanout")
_sqs: Any = ministack.module("services.sqs", "_act_send_message", "_queue_by_arn")

_UNNAMED = "Runtime.HandlerError"
_NOT_IMPORTED = re.compile(r"Worker init failed: (?P<reason>No module named .*)", re.DOTALL)


def _error_type(message: str, log: str) -> str | None:
    """Return the name of the exception, which the traceback at the end of the log gives before its message."""
    found = re.findall(rf"^([A-Za-z_][\w.]*){': ' if message else ''}{re.escape(message)}$", log, re.MULTILINE)
    return found[-1].rpartition(".")[2] if found else None


@patch("ministack.services.lambda_svc:_execute_function_warm")
def _execute(original: Callable[..., dict[str, Any]], *arguments: Any, **options: Any) -> dict[str, Any]:
    """Name the error of a function by its exception, and a module that it cannot import as Lambda does."""
    result = original(*arguments, **options)
    body = result.get("body")
    if result.get("error") and isinstance(body, dict) and (match := _NOT_IMPORTED.fullmatch(body["errorMessage"])):
        function = arguments[0]
        module = (function.get("config") or function)["Handler"].rpartition(".")[0]
        message = f"Unable to import module '{module}': {match['reason']}"
        return {**result, "body": {"errorType": "Runtime.ImportModuleError", "errorMessage": message, "stackTrace": []}}
    if result.get("error") and isinstance(body, dict) and body.get("errorType") == _UNNAMED:
        body["errorType"] = _error_type(body["errorMessage"], result.get("log", "").rstrip()) or _UNNAMED
    return result


@patch("ministack.services.lambda_svc:_execute_function_local")
def _refuse_other_languages(
    original: Callable[..., dict[str, Any]], function: Mapping[str, Any], *arguments: Any
) -> dict[str, Any]:
    """Fail, where MiniStack answers with a text and status 200 as if the function had run."""
    runtime = str((function.get("config") or function).get("Runtime", ""))
    if languages.runs(runtime):
        return original(function, *arguments)
    message = f"functions in {runtime} do not run on the embedded cloud: Python, Node.js and custom runtimes do"
    return {"body": {"errorType": "Runtime.NotSupported", "errorMessage": message}, "error": True, "log": message}


@patch("ministack.services.lambda_svc:_route_async_failure")
def _route_failure(
    original: Callable[..., None], target: str, name: str, event: Any, result: Mapping[str, Any]
) -> None:
    """Send the original event to a dead-letter queue or topic."""
    config = _lambda._functions.get(name, {}).get("config", {})
    if target != (config.get("DeadLetterConfig") or {}).get("TargetArn"):
        original(target, name, event, result)
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


@after("AWS::Lambda::Function")
def _keep_properties(name: str, properties: Properties, _attributes: Attributes) -> None:
    function = _lambda._functions[name]
    reserved = properties.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)
    function["config"]["DeadLetterConfig"] = properties.get("DeadLetterConfig") or {}
    function["config"]["VpcConfig"] = _lambda._vpc_config_with_id(properties.get("VpcConfig"))
    function["config"]["KMSKeyArn"] = properties.get("KmsKeyArn", "")


@before("AWS::Lambda::Function")
def _require_code(properties: Properties) -> None:
    code = properties.get("Code", {})
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if key and not _lambda._fetch_code_from_s3(bucket, key, version_id=code.get("S3ObjectVersion")):
        raise ValueError(f"the function's code s3://{bucket}/{key} does not exist; upload it before deploying")
