"""The secret of a database: of RDS, which rotates it; or one of the stack, which a Global Database needs."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sam as sam
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes
from cdp_constructs.database._clusters import Network

__all__ = ["USER", "add_rotation", "add_secret", "managed", "managed_secret"]

USER = "administrator"
# What ends a value in a connection string, or has to be escaped in one.
_EXCLUDED = "\"'\\/@:%?#&= "
_ROTATION = 30


def managed(encryption_key: kms.IKey | None) -> dict[str, Any]:
    """Return the properties of a cluster whose password RDS makes and rotates every 7 days."""
    secret = None
    if encryption_key is not None:
        secret = rds.CfnDBCluster.MasterUserSecretProperty(kms_key_id=encryption_key.key_arn)
    return {"master_username": USER, "manage_master_user_password": True, "master_user_secret": secret}


def managed_secret(
    scope: Construct, cluster: rds.CfnDBCluster, encryption_key: kms.IKey | None
) -> secretsmanager.ISecret:
    """Return the secret that RDS has made for a cluster."""
    return secretsmanager.Secret.from_secret_attributes(
        scope,
        "Secret",
        secret_complete_arn=cluster.attr_master_user_secret_secret_arn,
        encryption_key=encryption_key,
    )


def add_secret(
    scope: Construct, *, encryption_key: kms.IKey | None, removal_policy: RemovalPolicy
) -> secretsmanager.Secret:
    """Add a secret of the stack.

    RDS manages no passwords of clusters that are part of a Global Database:
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html
    """
    return secretsmanager.Secret(
        scope,
        "Secret",
        description=f"User {USER} of the database {path_of(scope)}",
        encryption_key=encryption_key,
        removal_policy=removal_policy,
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template=f'{{"username":"{USER}"}}',
            generate_string_key="password",
            exclude_characters=_EXCLUDED,
        ),
    )


def add_rotation(
    scope: Construct,
    secret: secretsmanager.Secret,
    cluster: rds.CfnDBCluster,
    network: Network,
    alarm_topic: sns.ITopic | None,
) -> None:
    """Rotate a secret of the stack every 30 days, by the function that AWS publishes for PostgreSQL."""
    attachment = secretsmanager.CfnSecretTargetAttachment(
        scope,
        "SecretAttachment",
        secret_id=secret.secret_arn,
        target_id=cluster.ref,
        target_type="AWS::RDS::DBCluster",
    )
    rotation = secretsmanager.SecretRotation(
        scope,
        "SecretRotation",
        application=secretsmanager.SecretRotationApplication.POSTGRES_ROTATION_SINGLE_USER,
        secret=secret,
        target=network.connections,
        vpc=network.vpc,
        vpc_subnets=ec2.SubnetSelection(subnets=list(network.subnets)),
        automatically_after=days(_ROTATION),
        exclude_characters=_EXCLUDED,
    )
    rotation.node.add_dependency(attachment)
    add_alarm(
        scope,
        "RotationAlarm",
        _rotation_errors(rotation),
        alarm_topic=alarm_topic,
        description=f"{path_of(scope)}: the password of {USER} could not be rotated; the current one is still valid. "
        "Read the log of the rotation function, fix the cause, and rotate the secret again.",
    )


def _rotation_errors(rotation: secretsmanager.SecretRotation) -> cloudwatch.Metric:
    """Return the errors of the function, which is in a stack of its own: the CDK chooses its name."""
    application: sam.CfnApplication = rotation.node.default_child  # type: ignore[assignment]  # its only L1 of that id
    parameters: Mapping[str, str] = application.parameters  # type: ignore[assignment]  # as the CDK has given them
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name="Errors",
        dimensions_map={"FunctionName": parameters["functionName"]},
        statistic="sum",
        period=minutes(5),
    )
