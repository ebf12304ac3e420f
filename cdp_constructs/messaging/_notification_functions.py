"""The four functions of Notifications, and what each of them may do."""

from collections.abc import Sequence
from typing import TypedDict

from aws_cdk import Duration, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam

import cdp_constructs
from cdp_constructs.core.cdk import kms, lambda_, logs, ses
from cdp_constructs.core.event_sources import consume_queue
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.tables import key_of, leading_keys
from cdp_constructs.core.user_pools import check_user_pool

TIMEOUT = Duration.seconds(30)
DEFAULT_VARIABLE = "NOTICES"
READ = ("dynamodb:GetItem", "dynamodb:Query")
WRITE = ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
# Mails and pushes at a time: SES starts at 14 mails a second outside of its sandbox.
_CONCURRENCY = 5


class LogSettings(TypedDict):
    """How the functions log; as ``add_function`` takes it."""

    log_retention: "logs.RetentionDays"
    log_encryption_key: "kms.IKey | None"
    removal_policy: "RemovalPolicy"


def add_intake(notifications: "cdp_constructs.Notifications", logging: LogSettings) -> None:
    """Add the function that keeps notices until they are sent."""
    environment = _waiting(notifications)
    function = _add_polled(notifications, "Intake", "Keeps notices until they are sent", environment, logging)
    _allow_waiting(notifications, function, "GetItem", "PutItem", "UpdateItem")
    consume_queue(notifications, "Intake", function, notifications.queue)


def add_delivery(
    notifications: "cdp_constructs.Notifications",
    *,
    identity: "ses.IEmailIdentity",
    sender: str,
    unsubscribe_url: str,
    issuer: "cdp_constructs.TokenIssuer | None",
    logging: LogSettings,
) -> "lambda_.Function":
    """Add the function that sends."""
    environment = {
        **_waiting(notifications),
        "SENDER": sender,
        "UNSUBSCRIBE_URL": unsubscribe_url,
        "CONFIGURATION_SET": notifications.configuration_set_name,
    }
    pool = None if issuer is None else check_user_pool(notifications, issuer)
    if pool is not None:
        environment |= {"USER_POOL_ID": pool[0], "USER_POOL_REGION": pool[1]}
    description = "Sends notices and digests by mail and push"
    function = _add_polled(notifications, "Delivery", description, environment, logging, publishes_metrics=True)
    _allow_waiting(notifications, function, "GetItem", "UpdateItem")
    allow_on_people(notifications, function, [*READ, "dynamodb:DeleteItem", "dynamodb:UpdateItem"], "USER", "DEVICE")
    allow_on_people(notifications, function, ["dynamodb:GetItem"], "ADDRESS")
    configuration_set = stack_of(notifications).format_arn(
        service="ses", resource="configuration-set", resource_name=notifications.configuration_set_name
    )
    function.add_to_role_policy(
        iam.PolicyStatement(actions=["ses:SendEmail"], resources=[identity.email_identity_arn, configuration_set])
    )
    if pool is not None:
        _allow_looking_up(function, *pool)
    if notifications.platform_applications:
        _allow_push(function, list(notifications.platform_applications.values()))
    if notifications.web_push is not None and notifications.vapid_keys is not None:
        _add_web_push(function, notifications.web_push, notifications.vapid_keys)
    consume_queue(
        notifications,
        "Delivery",
        function,
        notifications.timer_queue,
        batch_size=5,
        max_concurrency=_CONCURRENCY,
    )
    return function


def add_feedback(notifications: "cdp_constructs.Notifications", logging: LogSettings) -> None:
    """Add the function that switches mail off where it bounced."""
    description = "Switches mail off where it bounced or was complained about"
    function = _add_polled(notifications, "Feedback", description, {}, logging)
    allow_on_people(notifications, function, ["dynamodb:PutItem"], "ADDRESS")
    consume_queue(notifications, "Feedback", function, notifications.feedback_queue)


def add_unsubscribe(notifications: "cdp_constructs.Notifications", logging: LogSettings) -> "lambda_.Function":
    """Add the function that answers the links of mails."""
    function = add_function(
        notifications,
        "UnsubscribeFunction",
        handler="messaging/unsubscribe",
        description="Switches mail off for whoever follows the link of a mail",
        invocation=Invocation.REQUEST,
        **logging,
    )
    share(notifications, function)
    allow_on_people(notifications, function, ["dynamodb:UpdateItem"], "USER")
    return function


def share(
    notifications: "cdp_constructs.Notifications", function: "lambda_.Function", variable: str = DEFAULT_VARIABLE
) -> None:
    """Give a function the module ``notices`` and its settings."""
    settings: dict[str, object] = {
        "table": notifications.table.table_name,
        "platforms": notifications.platform_applications,
    }
    if notifications.web_push is not None and notifications.vapid_keys is not None:
        services = list(notifications.web_push.push_services)
        settings["web_push"] = {"public_key": notifications.vapid_keys.public_key, "services": services}
    environment = {variable: stack_of(notifications).to_json_string(settings)}
    share_module(notifications, function, layer="messaging/notices", environment=environment)


def allow_on_people(
    notifications: "cdp_constructs.Notifications", grantee: iam.IGrantable, actions: Sequence[str], *prefixes: str
) -> iam.Grant:
    """Let a role or a function work on the items of preferences and devices whose keys have one of the prefixes."""
    table = notifications.table
    grant = iam.Grant.add_to_principal(
        grantee=grantee, actions=list(actions), resource_arns=[table.table_arn], conditions=leading_keys(*prefixes)
    )
    created = notifications.node.try_find_child("Table") is not None
    key = key_of(table, notifications.encryption_key if created else None)
    return grant if key is None else grant.combine(key.grant(grantee, *USE_TABLE_KEY))


def _add_polled(
    notifications: "cdp_constructs.Notifications",
    name: str,
    description: str,
    environment: dict[str, str],
    logging: LogSettings,
    *,
    publishes_metrics: bool = False,
) -> "lambda_.Function":
    function = add_function(
        notifications,
        f"{name}Function",
        handler=f"messaging/{name.lower()}",
        description=description,
        invocation=Invocation.EVENT_SOURCE,
        publishes_metrics=publishes_metrics,
        timeout=TIMEOUT,
        environment=environment,
        **logging,
    )
    share(notifications, function)
    return function


def _waiting(notifications: "cdp_constructs.Notifications") -> dict[str, str]:
    return {
        "WAITING_TABLE": notifications.waiting_table.table_name,
        "TIMER_QUEUE": notifications.timer_queue.queue_url,
    }


def _allow_waiting(notifications: "cdp_constructs.Notifications", function: "lambda_.Function", *actions: str) -> None:
    """Let a function work on what waits, and send timers."""
    for allowed, resource in (
        ([f"dynamodb:{action}" for action in actions], notifications.waiting_table.table_arn),
        (["sqs:SendMessage"], notifications.timer_queue.queue_arn),
    ):
        function.add_to_role_policy(iam.PolicyStatement(actions=allowed, resources=[resource]))
    if notifications.encryption_key is not None:
        notifications.encryption_key.grant(function, *USE_TABLE_KEY)


def _allow_looking_up(function: "lambda_.Function", user_pool_id: str, region: str) -> None:
    arn = stack_of(function).format_arn(
        service="cognito-idp", region=region, resource="userpool", resource_name=user_pool_id
    )
    function.add_to_role_policy(iam.PolicyStatement(actions=["cognito-idp:AdminGetUser"], resources=[arn]))


def _allow_push(function: "lambda_.Function", applications: Sequence[str]) -> None:
    endpoints = [_endpoints_of(arn) for arn in applications]
    actions = ["CreatePlatformEndpoint", "DeleteEndpoint", "Publish", "SetEndpointAttributes"]
    # SNS asks for some of these on the application, for others on the endpoint.
    statement = iam.PolicyStatement(
        actions=[f"sns:{action}" for action in actions], resources=[*applications, *endpoints]
    )
    allow_on_prefixes(
        function,
        "Push",
        [statement],
        prefixes=endpoints,
        reason="Endpoints are created when users register devices; these are the endpoints of the given platform "
        "applications, and no topic.",
    )


def _add_web_push(
    function: "lambda_.Function", web_push: "cdp_constructs.WebPush", keys: "cdp_constructs.VapidKeys"
) -> None:
    """Let a function encrypt and sign messages for browsers."""
    arn = keys.secret_arn_in(stack_of(function))
    function.add_layers(web_push.layer)
    function.add_environment("VAPID_SECRET", arn)
    function.add_environment("VAPID_CONTACT", web_push.contact)
    function.add_to_role_policy(iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[arn]))
    # A replica is encrypted with the key of the service in its Region.
    if arn == keys.secret.secret_arn and keys.secret.encryption_key is not None:
        keys.secret.encryption_key.grant(function, "kms:Decrypt")


def _endpoints_of(application_arn: str) -> str:
    """Return what matches all endpoints of an application: ``…:endpoint/GCM/chat/*`` for ``…:app/GCM/chat``."""
    parts = Fn.split(":app/", application_arn)
    return f"{Fn.select(0, parts)}:endpoint/{Fn.select(1, parts)}/*"
