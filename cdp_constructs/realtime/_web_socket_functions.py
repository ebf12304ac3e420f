"""The functions of a WebSocket API: they verify tokens, keep subscriptions, and publish."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.cdk import apigatewayv2, kms, lambda_, logs
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.realtime._subscriptions_table import SubscriptionsTable
from cdp_constructs.realtime._web_socket_api import connections_arn


def add_authorizer_function(
    scope: "Construct",
    *,
    issuer: "cdp_constructs.TokenIssuer",
    encryption_key: "kms.IKey | None",
    log_retention: "logs.RetentionDays",
    removal_policy: "RemovalPolicy",
) -> "lambda_.Function":
    """Add what verifies the tokens of an issuer."""
    return add_function(
        scope,
        "Authorizer",
        handler="realtime/web_socket_authorization",
        description=f"Verifies who connects to {path_of(scope)}",
        invocation=Invocation.REQUEST,
        environment={"ISSUER": issuer.url, "CLIENT_IDS": ",".join(issuer.audience)},
        memory_size=512,
        log_encryption_key=encryption_key,
        log_retention=log_retention,
        removal_policy=removal_policy,
    )


def add_subscriptions_function(
    scope: "Construct",
    *,
    subscriptions: "SubscriptionsTable",
    encryption_key: "kms.IKey | None",
    log_retention: "logs.RetentionDays",
    removal_policy: "RemovalPolicy",
) -> "lambda_.Function":
    """Add what answers the routes and keeps the subscriptions."""
    function = add_function(
        scope,
        "Subscriptions",
        handler="realtime/web_socket_subscriptions",
        shares=["channels"],
        description=f"Keeps who is subscribed to which channel of {path_of(scope)}",
        invocation=Invocation.REQUEST,
        environment={"TABLE_NAME": subscriptions.table.table_name},
        memory_size=512,
        timeout=seconds(20),
        log_encryption_key=encryption_key,
        log_retention=log_retention,
        removal_policy=removal_policy,
    )
    subscriptions.grant_keeping(function)
    return function


def add_publishing_function(
    scope: "Construct",
    construct_id: str,
    *,
    stage: "apigatewayv2.WebSocketStage",
    subscriptions: "SubscriptionsTable",
    encryption_key: "kms.IKey | None",
    log_retention: "logs.RetentionDays",
    removal_policy: "RemovalPolicy",
) -> "lambda_.Function":
    """Add what publishes the messages of a queue."""
    function = add_function(
        scope,
        construct_id,
        handler="realtime/web_socket_publishing",
        shares=["channels"],
        description=f"Publishes to the channels of {path_of(scope)}",
        invocation=Invocation.EVENT_SOURCE,
        correlates=True,
        environment={"TABLE_NAME": subscriptions.table.table_name, "CALLBACK_URL": stage.callback_url},
        memory_size=1024,
        timeout=minutes(1),
        log_encryption_key=encryption_key,
        log_retention=log_retention,
        removal_policy=removal_policy,
    )
    connections = connections_arn(stage)
    allow_on_prefixes(
        function,
        "Publish",
        [iam.PolicyStatement(actions=["execute-api:ManageConnections"], resources=[connections])],
        prefixes=[connections],
        reason="Connections are made by clients; the publisher may post to those of this API's stage only.",
    )
    subscriptions.grant_finding(function)
    return function
