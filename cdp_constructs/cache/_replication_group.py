"""A replication group of Valkey: a primary and replicas in other zones."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.names import lower_case_name
from cdp_constructs.core.paths import path_of

__all__ = ["PORT", "TOKEN_FIELD", "add_group", "add_token", "group_name", "node_names"]

PORT = 6379
TOKEN_FIELD = "token"  # noqa: S105 - the name of a field
_ENGINE, _VERSION, _FAMILY = "valkey", "8.0", "valkey8"
_LONGEST_NAME = 40
_TOKEN_LENGTH = 64


def group_name(scope: Construct) -> str:
    """Return the name of the group, of which those of its nodes are made."""
    return lower_case_name(scope, max_length=_LONGEST_NAME).strip("-")


def node_names(group: str, replicas: int) -> list[str]:
    """Return the names of the nodes of a group, as ElastiCache gives them."""
    return [f"{group}-{number + 1:03}" for number in range(replicas + 1)]


def add_token(scope: Construct, *, encryption_key: kms.IKey | None) -> secretsmanager.Secret:
    """Add a secret with a new token: 64 letters and digits."""
    secret = secretsmanager.Secret(
        scope,
        "Token",
        description=f"Token of the cache {path_of(scope)}",
        encryption_key=encryption_key,
        # Without the cache it opens nothing.
        removal_policy=RemovalPolicy.DESTROY,
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template="{}",  # noqa: S106 - the frame of a generated one
            generate_string_key=TOKEN_FIELD,
            exclude_punctuation=True,
            password_length=_TOKEN_LENGTH,
        ),
    )
    reason = (
        "ElastiCache takes a new token by a change of the replication group, which a rotation function cannot make "
        "known to CloudFormation; the page of the pattern has the two commands that rotate it."
    )
    acknowledge(secret, "AwsSolutions-SMG4", reason)
    return secret


def add_group(
    scope: Construct,
    name: str,
    *,
    subnets: Sequence[ec2.ISubnet],
    security_group: ec2.SecurityGroup,
    node_type: str,
    replicas: int,
    token: secretsmanager.ISecret,
    encryption_key: kms.IKey | None,
    log_group: logs.LogGroup,
) -> elasticache.CfnReplicationGroup:
    """Add the group with what it needs; see ``InMemoryCache``."""
    subnet_group = elasticache.CfnSubnetGroup(
        scope,
        "Subnets",
        description=f"Cache of {path_of(scope)}",
        subnet_ids=[subnet.subnet_id for subnet in subnets],
    )
    parameters = elasticache.CfnParameterGroup(
        scope,
        "Parameters",
        cache_parameter_group_family=_FAMILY,
        description=f"Cache of {path_of(scope)}",
        # A full cache forgets what nobody has read for long, also what has no end.
        properties={"maxmemory-policy": "allkeys-lru"},
    )
    group_properties = elasticache.CfnReplicationGroup
    slow_log = group_properties.LogDeliveryConfigurationRequestProperty(
        log_type="slow-log",
        log_format="json",
        destination_type="cloudwatch-logs",
        destination_details=group_properties.DestinationDetailsProperty(
            cloud_watch_logs_details=group_properties.CloudWatchLogsDestinationDetailsProperty(
                log_group=log_group.log_group_name
            )
        ),
    )
    return group_properties(
        scope,
        "Group",
        replication_group_id=name,
        replication_group_description=f"Cache of {path_of(scope)}"[:255],
        engine=_ENGINE,
        engine_version=_VERSION,
        cache_node_type=node_type,
        cache_parameter_group_name=parameters.ref,
        cache_subnet_group_name=subnet_group.ref,
        security_group_ids=[security_group.security_group_id],
        port=PORT,
        num_node_groups=1,
        replicas_per_node_group=replicas,
        automatic_failover_enabled=True,
        multi_az_enabled=True,
        at_rest_encryption_enabled=True,
        kms_key_id=None if encryption_key is None else encryption_key.key_arn,
        transit_encryption_enabled=True,
        auth_token=token.secret_value_from_json(TOKEN_FIELD).unsafe_unwrap(),  # a dynamic reference
        log_delivery_configurations=[slow_log],
        auto_minor_version_upgrade=True,
    )
