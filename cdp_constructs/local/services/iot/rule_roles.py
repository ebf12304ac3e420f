"""IoT Core: an action of a rule is performed only if the role that it names may do it, and the service answers.

So a missing permission is found here too, and the message goes to the rule's error action.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.faults import fault_of
from cdp_constructs.local.services.iam.evaluation import policy_allows_service

__all__ = ["ActionFailedError", "check", "check_function", "check_role"]

_iot: Any = ministack.module("services.iot", "_provisioning_role_allows")
_lambda: Any = ministack.module("services.lambda_svc", "_get_func_record_for_ref_in_scope")
_responses: Any = ministack.module("core.responses")


class ActionFailedError(Exception):
    """The rule's role may not do what an action of the rule does, or a drill lets the service fail."""


def _queue(action: Mapping[str, Any], region: str, account: str) -> str:
    return f"arn:aws:sqs:{region}:{account}:{action['queueUrl'].rpartition('/')[2]}"


_NEEDS: Mapping[str, Callable[[Mapping[str, Any], str, str], tuple[str, str]]] = {
    "s3": lambda a, _r, _c: ("s3:PutObject", f"arn:aws:s3:::{a['bucketName']}/{a['key']}"),
    "kinesis": lambda a, r, c: ("kinesis:PutRecord", f"arn:aws:kinesis:{r}:{c}:stream/{a['streamName']}"),
    "firehose": lambda a, r, c: (
        "firehose:PutRecord",
        f"arn:aws:firehose:{r}:{c}:deliverystream/{a['deliveryStreamName']}",
    ),
    "dynamoDB": lambda a, r, c: ("dynamodb:PutItem", f"arn:aws:dynamodb:{r}:{c}:table/{a['tableName']}"),
    "dynamoDBv2": lambda a, r, c: ("dynamodb:PutItem", f"arn:aws:dynamodb:{r}:{c}:table/{a['putItem']['tableName']}"),
    "cloudwatchLogs": lambda a, r, c: ("logs:PutLogEvents", f"arn:aws:logs:{r}:{c}:log-group:{a['logGroupName']}:*"),
    "stepFunctions": lambda a, r, c: (
        "states:StartExecution",
        f"arn:aws:states:{r}:{c}:stateMachine:{a['stateMachineName']}",
    ),
    "sns": lambda a, _r, _c: ("sns:Publish", a["targetArn"]),
    "sqs": lambda a, r, c: ("sqs:SendMessage", _queue(a, r, c)),
    "republish": lambda a, r, c: ("iot:Publish", f"arn:aws:iot:{r}:{c}:topic/{a['topic']}"),
}
"""What an action needs, by its name: the permission and the resource, for the action, the Region and the account."""


def check(action: Mapping[str, Any], region: str, account: str) -> None:
    """Refuse an action, whose templates are filled in, that would not succeed.

    Raises:
        ActionFailedError: naming the role, the permission and the resource; or the fault.
    """
    name = next((name for name in action if name in _NEEDS), None)
    if name is None:
        return
    permission, resource = _NEEDS[name](action[name], region, account)
    check_role(action[name].get("roleArn") or "", permission, resource, region, account)


def check_role(role: str, permission: str, resource: str, region: str, account: str) -> None:
    """Refuse what a role may not do, and what a service is made to fail at.

    Raises:
        ActionFailedError: naming the role, the permission and the resource; or the fault.
    """
    service, _, operation = permission.partition(":")
    if fault := fault_of(service, region, operation):
        raise ActionFailedError(f"{permission} on {resource}: {fault.error}: {fault.message}")
    with _responses.request_scope(account, region):
        if not _iot._provisioning_role_allows(role, [(permission, resource)]):
            raise ActionFailedError(f"{role or 'no role'} may not do {permission} on {resource}")


def check_function(arn: str, rule: str, region: str, account: str) -> None:
    """Refuse to invoke a function whose policy does not allow it to AWS IoT for a rule.

    Raises:
        ActionFailedError: naming the function and the rule.
    """
    function, _config, _name = _lambda._get_func_record_for_ref_in_scope(arn, account_id=account, region=region)
    if not function:
        raise ActionFailedError(f"the function {arn} does not exist")
    rule_arn = f"arn:aws:iot:{region}:{account}:rule/{rule}"
    conditions = {"aws:sourcearn": rule_arn, "aws:sourceaccount": account}
    with _responses.request_scope(account, region):
        allowed = policy_allows_service(
            function.get("policy"), "iot.amazonaws.com", "lambda:InvokeFunction", arn, region, conditions
        )
    if not allowed:
        raise ActionFailedError(f"the policy of {arn} does not allow lambda:InvokeFunction to {rule_arn}")
