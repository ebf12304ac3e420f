"""Boards that serve in several Regions under one name."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Environment, Fn, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs import MultiRegionLatencyRouting, ServiceFront, ServiceNetwork, SnsSqsFanout
from cdp_constructs.core.names import name_everywhere
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import add_alarm_topic, add_certificate, add_zone

__all__ = ["METRICS_REGION", "HealthStack", "add_nearest_front", "allow_notices", "replica_of_key"]

METRICS_REGION = "us-east-1"
"""Where Route 53 has the metrics of its health checks."""


class HealthStack(Stack):
    """Alarms for Regions that get no users; the stacks that make the health checks do not wait for these.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Of the board; the alarms are where Route 53 has its metrics.
        configuration: What the operator decides.
        description: Of the stack.
        routings: Lead to the Regions.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: DojoConfiguration,
        description: str,
        routings: Sequence[MultiRegionLatencyRouting],
    ) -> None:
        there = Environment(account=env.account, region=METRICS_REGION)
        super().__init__(scope, construct_id, env=there, description=description)
        alarm_topic = add_alarm_topic(self, configuration)
        for routing in routings:
            routing.add_alarm(self, f"{routing.region}-Unhealthy", alarm_topic=alarm_topic)


def add_nearest_front(
    stack: Stack, configuration: DojoConfiguration, board: str, network: ServiceNetwork, alarm_topic: sns.ITopic
) -> tuple[ServiceFront, MultiRegionLatencyRouting]:
    """Add a load balancer that has the board's name for those who are nearest, while its servers reach their data."""
    zone = add_zone(stack, configuration)
    name = configuration.domain_name(board)
    certificate = add_certificate(stack, name, zone)
    # Without a zone, since its record would be the only one of the name.
    front = ServiceFront(
        stack, "Front", vpc=network.vpc, domain_name=name, certificate=certificate, alarm_topic=alarm_topic
    )
    routing = MultiRegionLatencyRouting(
        stack, "Routing", zone=zone, domain_name=name, load_balancer=front.load_balancer
    )
    return front, routing


def replica_of_key(stack: Stack, session_key: secretsmanager.Secret) -> ecs.Secret:
    """Return the replica of the key that signs sessions, in the Region of a stack: who signed in is known there, too.

    Args:
        stack: Of servers in another Region.
        session_key: The key, with a replica in that Region.
    """
    # A replica has the name of the secret, with the same end.
    name = Fn.select(1, Fn.split(":secret:", name_everywhere(session_key)))
    arn = stack.format_arn(
        service="secretsmanager", resource="secret", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    return ecs.Secret.from_secrets_manager(secretsmanager.Secret.from_secret_complete_arn(stack, "SessionKey", arn))


def allow_notices(role: iam.IRole, stack: Stack, notices: SnsSqsFanout, *, region: str) -> None:
    """Let servers publish notices to a topic of another Region, with its key.

    Args:
        role: Of the servers.
        stack: Theirs.
        notices: Has the topic, which was made with its key.
        region: Where it is.
    """
    key = notices.encryption_key
    assert key is not None  # noqa: S101 - made with the topic
    key_arn = stack.format_arn(service="kms", region=region, resource="key", resource_name=name_everywhere(key))
    for action, resource in (
        ("sns:Publish", name_everywhere(notices.topic)),
        ("kms:Decrypt", key_arn),
        ("kms:GenerateDataKey", key_arn),
    ):
        role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
