"""Event source mappings, and pipes, of which none is made whose role may not read the source.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html, with-kinesis.html and with-sqs.html; a role that does not
exist here, because it was imported, is not checked.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties
from cdp_constructs.local.services.iam.evaluation import role_allows

_iam: Any = ministack.module("services.iam", "_roles")
_lambda: Any = ministack.module("services.lambda_svc", "_get_func_record_for_ref_in_scope")
_responses: Any = ministack.module("core.responses", "error_response_json")

_STREAM = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
_NEEDED = {
    "dynamodb": _STREAM,
    "kinesis": _STREAM,
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
}
_NAMES = {"dynamodb": "DynamoDB", "kinesis": "Kinesis", "sqs": "SQS"}


def _missing(role: str, source: str, session: str) -> tuple[str, str] | None:
    """Return the service of a source and the first right that a role lacks to read it; None when it may read it."""
    service = source.split(":")[2] if source.startswith("arn:") else ""
    if service not in _NEEDED or role.rpartition("/")[2] not in _iam._roles:
        return None
    for action in _NEEDED[service]:
        # IAM knows no resource for ListStreams. AWS accepts it for the stream as well, as the CDK grants it.
        resources = ("*", source) if action == "ListStreams" else (source,)
        if not any(role_allows(role, session, f"{service}:{action}", resource) for resource in resources):
            return service, action
    return None


def _refusal(function_ref: str, source: str) -> str | None:
    """Return what Lambda says of a role that may not read the source; None when it may."""
    account, region = _responses.get_account_id(), _responses.get_region()
    record, _config, _name = _lambda._get_func_record_for_ref_in_scope(function_ref, account_id=account, region=region)
    missing = _missing((record or {}).get("config", {}).get("Role", ""), source, "lambda")
    if missing is None:
        return None
    service, action = missing
    if service == "sqs":
        return f"The provided execution role does not have permissions to call {action} on SQS"
    return (
        f"Cannot access stream {source}. Please ensure the role can perform the GetRecords, GetShardIterator, "
        "DescribeStream, and ListStreams Actions on your stream in IAM."
    )


@before("AWS::Pipes::Pipe")
def _pipe(properties: Properties) -> None:
    missing = _missing(str(properties.get("RoleArn", "")), str(properties.get("Source", "")), "pipes")
    if missing is not None:
        service, action = missing
        raise ValueError(
            "Input parameter is invalid from the request due to : The provided customer role does not have "
            f"permissions to call {action} on {_NAMES[service]}"
        )


@before("AWS::Lambda::EventSourceMapping")
def _provision(properties: Properties) -> None:
    if refusal := _refusal(str(properties.get("FunctionName", "")), str(properties.get("EventSourceArn", ""))):
        raise ValueError(f"{refusal} (Service: Lambda, Status Code: 400)")


@patch("ministack.services.lambda_svc:_create_esm")
def _create(original: Callable[..., Any], request: Mapping[str, Any]) -> Any:
    if refusal := _refusal(str(request.get("FunctionName", "")), str(request.get("EventSourceArn", ""))):
        return _responses.error_response_json("InvalidParameterValueException", refusal, 400)
    return original(request)
