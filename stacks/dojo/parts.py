"""What boards have in common: the application's image and settings, its session key, and the load balancer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_certificatemanager as certificatemanager
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from cdp_constructs import ServiceContainer, ServiceFront, ServiceNetwork, ServiceRoute, SignInUserPool
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.runbooks import use_runbooks
from stacks.alarms import add_alarms
from stacks.dojo.config import DojoConfiguration

__all__ = [
    "APPLICATION",
    "ROUTE",
    "RUNBOOKS",
    "add_alarm_topic",
    "add_certificate",
    "add_front",
    "add_outputs",
    "add_session_key",
    "add_session_secret",
    "add_users",
    "add_zone",
    "chat_container",
    "variables_of",
]

T = TypeVar("T")
RUNBOOKS = "docs/runbooks/servers"
APPLICATION = Path(__file__).parent / "app"
"""The application, with its Dockerfile."""
ROUTE = ServiceRoute(deregistration_delay=seconds(5))
"""WebSockets do not end by themselves, so that a longer delay only makes releases slower."""


def chat_container(
    settings: Mapping[str, str], *, secrets: Mapping[str, ecs.Secret] | None = None, **options: Any
) -> ServiceContainer:
    """Return the application in a container.

    Args:
        settings: Of `stacks.dojo.app.settings`, by their names there.
        secrets: Settings that are secrets.
        options: Of `ServiceContainer`.
    """
    image = ecs.ContainerImage.from_asset(str(APPLICATION), platform=ecr_assets.Platform.LINUX_ARM64)
    return ServiceContainer(
        image,
        environment=variables_of(settings),
        secrets=variables_of(secrets or {}),
        cpu_architecture=ecs.CpuArchitecture.ARM64,
        **options,
    )


def variables_of(settings: Mapping[str, T]) -> dict[str, T]:
    """Return settings by the names of their environment variables."""
    return {f"CHAT_{name.upper()}": value for name, value in settings.items()}


def add_users(stack: Stack, *, alarm_topic: sns.ITopic) -> SignInUserPool:
    """Add the user pool of a board whose people sign in to Amazon Cognito.

    A password goes from a person to Cognito itself, over TLS: phones of many makers have no SRP.
    """
    flows = cognito.AuthFlow(user_password=True)
    return SignInUserPool(stack, "Users", auth_flows=flows, alarm_topic=alarm_topic)


def add_session_key(stack: Stack) -> ecs.Secret:
    """Add the key that signs sessions, and return it as a secret of containers."""
    return ecs.Secret.from_secrets_manager(add_session_secret(stack))


def add_session_secret(stack: Stack, *, replica_regions: Sequence[str] = ()) -> secretsmanager.Secret:
    """Add the key that signs sessions, with replicas for servers in other Regions."""
    key = secretsmanager.Secret(
        stack,
        "SessionKey",
        description="Signs the sessions of the chat",
        generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
        removal_policy=RemovalPolicy.RETAIN,
        replica_regions=[secretsmanager.ReplicaRegion(region=region) for region in replica_regions] or None,
    )
    reason = "A new key signs everybody out; it is changed by hand, when it may have become known."
    acknowledge(key, "AwsSolutions-SMG4", reason)
    return key


def add_alarm_topic(stack: Stack, configuration: DojoConfiguration) -> sns.ITopic:
    """Add the topic that receives the board's alarms, which name their runbooks: before anything else of a stack."""
    use_runbooks(stack, RUNBOOKS)
    return add_alarms(stack, configuration.alarm_email, option="dojo.alarm_email").topic


def add_zone(stack: Stack, configuration: DojoConfiguration) -> route53.IHostedZone:
    """Add the existing zone that holds the names of the boards."""
    return route53.HostedZone.from_hosted_zone_attributes(
        stack, "Zone", hosted_zone_id=configuration.hosted_zone_id, zone_name=configuration.hosted_zone_name
    )


def add_certificate(stack: Stack, name: str, zone: route53.IHostedZone) -> certificatemanager.Certificate:
    """Add a certificate for a name of the zone, which proves whose it is."""
    validation = certificatemanager.CertificateValidation.from_dns(zone)
    return certificatemanager.Certificate(stack, "Certificate", domain_name=name, validation=validation)


def add_front(
    stack: Stack, configuration: DojoConfiguration, board: str, network: ServiceNetwork, alarm_topic: sns.ITopic
) -> ServiceFront:
    """Add the load balancer, with the board's name and its certificate."""
    return ServiceFront(
        stack,
        "Front",
        vpc=network.vpc,
        domain_name=configuration.domain_name(board),
        zone=add_zone(stack, configuration),
        alarm_topic=alarm_topic,
    )


def add_outputs(stack: Stack, **outputs: str) -> None:
    """Add what operators, and the demonstration, need to find the parts of a board: CamelCase names."""
    for name, value in outputs.items():
        CfnOutput(stack, name, value=value)
