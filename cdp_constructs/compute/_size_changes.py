"""What a change of size needs: permissions for one service or database, and places for what fails."""

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.object_events import let_rule_send
from cdp_constructs.core.paths import path_of, stack_of

if TYPE_CHECKING:
    from aws_cdk import aws_rds as rds

    import cdp_constructs


def environment_of(
    service: "cdp_constructs.ScaleOutService | cdp_constructs.Stamp | None", database: "rds.IDatabaseCluster | None"
) -> dict[str, str]:
    """Return the variables of the function."""
    if service is not None:
        return {"CLUSTER": service.cluster.cluster_name, "SERVICE": service.service.service_name}
    return {"DATABASE": database.cluster_identifier} if database is not None else {}


def allow_tasks(function: lambda_.Function, service: "cdp_constructs.ScaleOutService | cdp_constructs.Stamp") -> None:
    """Let the function choose among the task definitions of one service, which all have its roles."""
    definition = service.service.task_definition
    update = iam.PolicyStatement(actions=["ecs:UpdateService"], resources=[service.service.service_arn])
    pass_roles = iam.PolicyStatement(
        actions=["iam:PassRole"],
        resources=[definition.task_role.role_arn, definition.obtain_execution_role().role_arn],
        conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    )
    for statement in (update, pass_roles):
        function.add_to_role_policy(statement)


def allow_capacity(function: lambda_.Function, database: "rds.IDatabaseCluster") -> None:
    """Let the function modify one cluster."""
    arn = stack_of(function).format_arn(
        service="rds",
        resource="cluster",
        resource_name=database.cluster_identifier,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    function.add_to_role_policy(iam.PolicyStatement(actions=["rds:ModifyDBCluster"], resources=[arn]))


def keep_failed_deployments(
    scope: Construct,
    service: "cdp_constructs.ScaleOutService | cdp_constructs.Stamp",
    queue: sqs.Queue,
    encryption_key: kms.IKey | None,
) -> None:
    """Send what Amazon ECS reports about deployments that failed to a queue."""
    rule = events.CfnRule(
        scope,
        "FailedDeployments",
        description=f"Deployments that failed, of {path_of(service)}"[:512],
        event_pattern={
            "source": ["aws.ecs"],
            "detail-type": ["ECS Deployment State Change"],
            "resources": [service.service.service_arn],
            "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
        },
        targets=[
            events.CfnRule.TargetProperty(
                id="Queue",
                arn=queue.queue_arn,
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue.queue_arn),
            )
        ],
    )
    let_rule_send(rule, queue, encryption_key=encryption_key)
