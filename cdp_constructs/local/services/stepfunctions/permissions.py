"""Step Functions: tasks do what the role of their state machine allows, and nothing else.

MiniStack calls services within its process, where IAM does not look. The role is asked for functions, DynamoDB, SQS,
SNS, EventBridge, executions and objects of S3; not for calls of other services, and not for `TestState`.

https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.services.iam import evaluation
from cdp_constructs.local.services.stepfunctions.executions import running

__all__ = ["check"]

_iam: Any = ministack.module("services.iam", "_roles")
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")
_states: Any = ministack.module("services.stepfunctions", "_ExecutionError", "_extract_lambda_ref")

_TASK = re.compile(r"arn:aws:states:::(?P<sdk>aws-sdk:)?(?P<service>[a-z0-9]+):(?P<action>\w+)")
_SERVICES = {"eventbridge": "events", "sfn": "states"}
_ERRORS = {
    "dynamodb": ("DynamoDB.AmazonDynamoDBException", "DynamoDb.DynamoDbException"),
    "events": ("EventBridge.AmazonEventBridgeException", "EventBridge.EventBridgeException"),
    "lambda": ("Lambda.AWSLambdaException", "Lambda.LambdaException"),
    "s3": ("S3.AmazonS3Exception", "S3.S3Exception"),
    "sns": ("SNS.AmazonSNSException", "Sns.SnsException"),
    "sqs": ("SQS.AmazonSQSException", "Sqs.SqsException"),
    "states": ("StepFunctions.AWSStepFunctionsException", "Sfn.SfnException"),
}
"""What a refused task fails with: of an optimized integration, and of one of the AWS SDK."""
_OBJECTS = {"DeleteObject", "GetObject", "PutObject"}


@patch_each(*(f"ministack.services.stepfunctions:_invoke_{kind}" for kind in ("resource", "with_callback")))
def _invoke(original: Callable[..., Any], resource: str, payload: Any, *rest: Any) -> Any:
    if function := _function(resource, payload):
        check("lambda:InvokeFunction", function, sdk=False)
    elif (task := _TASK.match(resource)) and isinstance(payload, Mapping):
        service = _SERVICES.get(task["service"], task["service"])
        action = task["action"][0].upper() + task["action"][1:]
        for arn in _named(service, action, payload):
            check(f"{service}:{action}", arn, sdk=bool(task["sdk"]))
    return original(resource, payload, *rest)


@patch("ministack.services.stepfunctions:_run_distributed_map")
def _map(original: Callable[..., Any], *arguments: Any) -> Any:
    if execution := running.get(None):
        check("states:StartExecution", execution["stateMachineArn"], sdk=False)
    return original(*arguments)


def _function(resource: str, payload: Any) -> str | None:
    """Return the ARN of the function that a task invokes."""
    name = _states._extract_lambda_ref(resource.replace(".waitForTaskToken", ""))
    if "states:::lambda:invoke" in resource and isinstance(payload, Mapping):
        name = payload.get("FunctionName")
    if not isinstance(name, str):
        return None
    return name if name.startswith("arn:") else _arn("lambda", f"function:{name}")


def _named(service: str, action: str, payload: Mapping[str, Any]) -> Iterator[str]:
    """Return the ARNs of what a call acts on."""
    if service == "dynamodb" and (table := payload.get("TableName")):
        yield table if table.startswith("arn:") else _arn(service, f"table/{table}")
    elif service == "sqs" and (url := payload.get("QueueUrl")):
        yield _arn(service, url.rpartition("/")[2])
    elif service == "sns" and (topic := payload.get("TopicArn")):
        yield topic
    elif service == "states" and (machine := payload.get("StateMachineArn")):
        yield machine
    elif service == "s3" and action in _OBJECTS:
        yield f"arn:aws:s3:::{payload.get('Bucket')}/{payload.get('Key')}"
    elif service == "events" and action == "PutEvents":
        for bus in {entry.get("EventBusName") or "default" for entry in payload.get("Entries", [])}:
            yield bus if bus.startswith("arn:") else _arn(service, f"event-bus/{bus}")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{_responses.get_region()}:{_responses.get_account_id()}:{resource}"


def check(action: str, arn: str, *, sdk: bool) -> None:
    """Fail the task when the role does not allow it. A role that does not exist here, as it was imported, is not asked.

    Raises:
        _ExecutionError: as Step Functions names it.
    """
    execution = running.get(None)
    if execution is None:
        return
    role = execution["events"][0]["executionStartedEventDetails"]["roleArn"]
    name = role.rpartition("/")[2]
    if name not in _iam._roles or evaluation.role_allows(role, "states", action, arn):
        return
    user = f"arn:aws:sts::{_responses.get_account_id()}:assumed-role/{name}/states"
    cause = f"User: {user} is not authorized to perform: {action} on resource: {arn}"
    raise _states._ExecutionError(_ERRORS[action.partition(":")[0]][sdk], f"{cause} (Status Code: 403)")
