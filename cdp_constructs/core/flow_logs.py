"""One way to log the traffic of a network: to CloudWatch Logs, by a role that only flow logs of this account use."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.cdk import kms, logs
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.paths import account_of, stack_of


def add_flow_log(
    scope: "Construct",
    vpc: ec2.Vpc,
    *,
    encryption_key: "kms.IKey | None",
    log_retention: "logs.RetentionDays",
    removal_policy: RemovalPolicy,
) -> "logs.LogGroup":
    """Log what is accepted and what is rejected in a network, and return the log group.

    Args:
        scope: The pattern that made the network.
        vpc: The network.
        encryption_key: A customer-managed key for the log group; by default CloudWatch Logs encrypts with its own.
        log_retention: How long entries are kept.
        removal_policy: What happens to the log group when the stack is deleted.
    """
    log_group = add_log_group(
        scope, "FlowLogs", log_retention=log_retention, encryption_key=encryption_key, removal_policy=removal_policy
    )
    # The CDK's own role would trust flow logs of every account.
    account = {"StringEquals": {"aws:SourceAccount": account_of(stack_of(scope))}}
    role = iam.Role(
        scope, "FlowLogsRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com", conditions=account)
    )
    vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group, role))
    return log_group
