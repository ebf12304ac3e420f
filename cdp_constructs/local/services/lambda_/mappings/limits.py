"""Event source mappings with values that Lambda refuses.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html and API_CreateEventSourceMapping.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties

_lambda: Any = ministack.module("services.lambda_svc", "_get_func_record_for_ref_in_scope")
_responses: Any = ministack.module("core.responses", "error_response_json")
_sqs: Any = ministack.module("services.sqs", "_queue_by_arn")

_MOST = 10_000
_MOST_OF_FIFO = _WITHOUT_WINDOW = 10
_LEAST_CONCURRENCY, _MOST_CONCURRENCY = 2, 1_000


def _problem(values: Mapping[str, Any]) -> str | None:
    source = str(values.get("EventSourceArn") or "")
    if ":sqs:" not in source:
        size = int(values.get("BatchSize", 1))
        return None if 1 <= size <= _MOST else f"Batch size {size} is not between 1 and {_MOST}"
    size, window = int(values.get("BatchSize", 10)), int(values.get("MaximumBatchingWindowInSeconds") or 0)
    most = _MOST_OF_FIFO if source.endswith(".fifo") else _MOST
    if not 1 <= size <= most:
        return f"Batch size {size} is not between 1 and {most}"
    if size > _WITHOUT_WINDOW and not window:
        return "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    concurrency = (values.get("ScalingConfig") or {}).get("MaximumConcurrency")
    if concurrency is not None and not _LEAST_CONCURRENCY <= int(concurrency) <= _MOST_CONCURRENCY:
        return f"MaximumConcurrency {concurrency} is not between {_LEAST_CONCURRENCY} and {_MOST_CONCURRENCY}"
    return _visibility(source, str(values.get("FunctionName") or ""))


def _visibility(source: str, function: str) -> str | None:
    account, region = _responses.get_account_id(), _responses.get_region()
    record, _config, _name = _lambda._get_func_record_for_ref_in_scope(function, account_id=account, region=region)
    queue = _sqs._queue_by_arn(source)
    if not record or queue is None:
        return None
    timeout = int(record["config"].get("Timeout") or 3)
    visibility = int(queue["attributes"].get("VisibilityTimeout") or 30)
    if visibility >= timeout:
        return None
    return f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"


@before("AWS::Lambda::EventSourceMapping")
def _provision(properties: Properties) -> None:
    if problem := _problem(properties):
        raise ValueError(f"{problem} (Service: Lambda, Status Code: 400)")


@patch("ministack.services.lambda_svc:_create_esm")
def _create(original: Callable[..., Any], request: Mapping[str, Any]) -> Any:
    if problem := _problem(request):
        return _responses.error_response_json("InvalidParameterValueException", problem, 400)
    return original(request)
