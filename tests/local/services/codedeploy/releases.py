"""A function with an alias that CodeDeploy moves, as a template, and what calls of the alias get."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, arn, function, role

REGION = "us-east-1"
ACTIONS = ("lambda:GetAlias", "lambda:UpdateAlias", "lambda:InvokeFunction", "cloudwatch:DescribeAlarms")
GROUP = "arn:aws:codedeploy:*:*:deploymentgroup:*"


def code(version: int, body: str = "") -> str:
    """A handler that answers with its version."""
    answer = f"{{'by': {version}, 'arn': context.invoked_function_arn}}"
    return f"def handler(event, context):\n    {body or 'pass'}\n    return {answer}\n"


def hook(status: str) -> str:
    """A hook that reports a status, and prints what it got."""
    return (
        "import boto3, json\n"
        "def handler(event, context):\n"
        "    print('hook', json.dumps(event))\n"
        "    boto3.client('codedeploy').put_lifecycle_event_hook_execution_status(\n"
        "        deploymentId=event['DeploymentId'],\n"
        "        lifecycleEventHookExecutionId=event['LifecycleEventHookExecutionId'],\n"
        f"        status={status!r})\n"
    )


def template(
    version: int,
    *,
    body: str = "",
    routing: dict[str, Any] | None = None,
    before: str = "",
    after: str = "",
    allowed: Sequence[str] = ACTIONS,
    reports: bool = True,
) -> dict[str, Any]:
    """A stack whose function has one more published version than the stack before; its hooks may report, or not."""
    routing = routing or {"Type": "AllAtOnce"}
    policy: dict[str, Any] = {"ApplicationName": {"Ref": "Application"}, "DeploymentGroupName": {"Ref": "Group"}}
    hooks = {"Before": before, "After": after}
    for name in [name for name, source in hooks.items() if source]:
        policy[f"{name}AllowTrafficHook"] = {"Ref": name}
    version_id = f"Version{version}"
    alarm = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [
            {"Name": "FunctionName", "Value": {"Ref": "Function"}},
            {"Name": "Resource", "Value": {"Fn::Join": ["", [{"Ref": "Function"}, ":live"]]}},
            {"Name": "ExecutedVersion", "Value": {"Fn::GetAtt": [version_id, "Version"]}},
        ],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    group = {
        "ApplicationName": {"Ref": "Application"},
        "DeploymentConfigName": {"Ref": "Configuration"},
        "ServiceRoleArn": arn("ReleaseRole"),
        "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
        "AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": {"Ref": "ErrorsOfTheNewVersion"}}]},
        "AutoRollbackConfiguration": {
            "Enabled": True,
            "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
        },
    }
    return {
        "Resources": {
            "Role": role(*([allow(["codedeploy:PutLifecycleEventHookExecutionStatus"], GROUP)] if reports else [])),
            "ReleaseRole": role(allow(list(allowed), "*"), service="codedeploy"),
            "Function": function(code(version, body), "Role"),
            version_id: {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
            # The name of the alias comes before all that its update policy names.
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "FunctionVersion": {"Fn::GetAtt": [version_id, "Version"]},
                    "Name": "live",
                },
                "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": policy},
            },
            "Application": {"Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Lambda"}},
            "Configuration": {
                "Type": "AWS::CodeDeploy::DeploymentConfig",
                "Properties": {"ComputePlatform": "Lambda", "TrafficRoutingConfig": routing},
            },
            "ErrorsOfTheNewVersion": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
            "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": group},
            **{name: function(source, "Role") for name, source in hooks.items() if source},
        },
        "Outputs": {
            "Function": {"Value": {"Ref": "Function"}},
            "Application": {"Value": {"Ref": "Application"}},
            "Group": {"Value": {"Ref": "Group"}},
            "Configuration": {"Value": {"Ref": "Configuration"}},
        },
    }


def call(cloud: LocalCloud, name: str, times: int = 1) -> Counter[Any]:
    """Invoke the alias; count the versions that answered, or `failed` with the version."""
    answers: Counter[Any] = Counter()
    functions = cloud.client("lambda", region=REGION)
    for _ in range(times):
        answer = functions.invoke(FunctionName=f"{name}:live", Payload=b"{}")
        body = json.loads(answer["Payload"].read())
        executed = answer["ExecutedVersion"]
        if "FunctionError" in answer:
            answers["failed", executed] += 1
        else:
            assert body["arn"].endswith(f":{name}:live")
            answers[body["by"], executed] += 1
    return answers
