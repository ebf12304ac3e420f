"""Servers of boards that have several: their network, their settings, and how operators find them."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns

from cdp_constructs import (
    ReplicatedDatabase,
    ScaleOutService,
    ServiceContainer,
    ServiceFront,
    ServiceNetwork,
    ServiceScaling,
    SignInUserPool,
    SnsSqsFanout,
)
from cdp_constructs.core.names import name_everywhere
from stacks.dojo.parts import ROUTE
from stacks.dojo.table import ChatTable

__all__ = [
    "add_database",
    "add_network",
    "add_servers",
    "outputs_of",
    "outputs_of_servers",
    "settings_of",
    "settings_of_users",
]

_FEWEST = 2


def add_network(
    stack: Stack, alarm_topic: sns.ITopic, *, also: Sequence[ec2.InterfaceVpcEndpointAwsService] = ()
) -> ServiceNetwork:
    """Add a network without a way to the internet: what tasks need, the function of the forms, and the topic.

    Args:
        stack: The board's.
        alarm_topic: Receives the alarms.
        also: What else servers reach.
    """
    endpoint = ec2.InterfaceVpcEndpointAwsService
    tasks_need = [endpoint.ECR, endpoint.ECR_DOCKER, endpoint.CLOUDWATCH_LOGS, endpoint.SECRETS_MANAGER]
    # S3 has a gateway.
    endpoints = [*tasks_need, endpoint.LAMBDA_, endpoint.SNS, *also]
    return ServiceNetwork(stack, "Network", interface_endpoints=endpoints, alarm_topic=alarm_topic)


def add_database(
    stack: Stack, network: ServiceNetwork, alarm_topic: sns.ITopic, *, readers: int = 1, **options: Any
) -> ReplicatedDatabase:
    """Add the database: a writer, and readers in other zones, one of which takes over.

    Args:
        stack: The board's.
        network: Its network.
        alarm_topic: Receives the alarms.
        readers: How many.
        options: Of `ReplicatedDatabase`.
    """
    return ReplicatedDatabase(
        stack,
        "Database",
        vpc=network.vpc,
        database_name="chat",
        instance_type=ec2.InstanceType("t4g.medium"),
        readers=readers,
        alarm_topic=alarm_topic,
        **options,
    )


def settings_of(store: ReplicatedDatabase | ChatTable, notices: SnsSqsFanout, name: str) -> dict[str, str]:
    """Return the settings of a board with a replicated database or a table, and notices by SNS."""
    kept = store.settings if isinstance(store, ChatTable) else _settings_of_database(store)
    return {
        **kept,
        "notices": "topic",
        "notice_topic": notices.topic.topic_arn,
        "base_url": f"https://{name}",
    }


def settings_of_users(users: SignInUserPool) -> dict[str, str]:
    """Return the settings of servers, in any Region, whose people have their passwords in a user pool."""
    return {
        "sign_in": "user_pool",
        "user_pool_id": name_everywhere(users.user_pool),
        "user_pool_client": name_everywhere(users.user_pool_client),
    }


def _settings_of_database(database: ReplicatedDatabase) -> dict[str, str]:
    return {
        "database_host": database.cluster.attr_endpoint_address,
        "database_secret_id": database.secret.secret_arn,
    }


def add_servers(
    stack: Stack,
    container: ServiceContainer,
    *,
    front: ServiceFront,
    network: ServiceNetwork,
    alarm_topic: sns.ITopic,
    most: int,
) -> ScaleOutService:
    """Add two servers, or up to `most`, behind the load balancer, with the deep check."""
    fixed = most == _FEWEST
    scaling = ServiceScaling(
        max_capacity=most,
        requests_per_target=None if fixed else 300,
        target_utilization_percent=None if fixed else 60,
    )
    servers = ScaleOutService(
        stack,
        "Servers",
        front=front,
        container=container,
        route=ROUTE,
        scaling=scaling,
        vpc_subnets=network.service_subnets,
        alarm_topic=alarm_topic,
    )
    servers.add_deep_health_check("DeepHealth")
    return servers


def outputs_of(
    name: str,
    front: ServiceFront,
    servers: ScaleOutService,
    store: ReplicatedDatabase | ChatTable,
    notices: SnsSqsFanout,
) -> dict[str, str]:
    """Return where operators, and the demonstration, find the parts of a board."""
    kept = {"TableName": store.table.table_name} if isinstance(store, ChatTable) else {"DatabaseId": store.cluster.ref}
    return {**outputs_of_servers(name, front, servers), **kept, "TopicArn": notices.topic.topic_arn}


def outputs_of_servers(name: str, front: ServiceFront, servers: ScaleOutService) -> dict[str, str]:
    """Return where operators, and the demonstration, find the servers of a board."""
    return {
        "Url": f"https://{name}",
        "ListenerArn": front.listener.listener_arn,
        "ClusterName": servers.cluster.cluster_name,
        "ServiceName": servers.service.service_name,
        "TargetGroupArn": servers.target_group.target_group_arn,
    }
