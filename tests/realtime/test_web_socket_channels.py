"""What WebSocketChannels promises in its templates."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import (
    ChannelNamespace,
    InvalidOptionError,
    QueueConsumer,
    RealtimeChannels,
    SnsSqsFanout,
    TokenIssuer,
    WebSocketChannels,
)
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.web_socket_channels import build as example

OREGON = Environment(region="us-west-2")
FUNCTION_ARN = "arn:aws:lambda:us-west-2:111122223333:function:membership"
TABLE_ARN = "arn:aws:dynamodb:us-west-2:111122223333:table/subscriptions"
ROUTES = {"$connect", "$disconnect", "$default", "subscribe", "unsubscribe", "ping"}


def users(scope: Stack) -> TokenIssuer:
    pool = cognito.UserPool.from_user_pool_id(scope, "Users", "us-west-2_Example")
    return TokenIssuer.of_user_pool(pool, cognito.UserPoolClient.from_user_pool_client_id(scope, "Client", "client1"))


def users_of_tokyo(scope: Stack, *clients: str) -> TokenIssuer:
    pool = cognito.UserPool.from_user_pool_arn(
        scope, "Users", "arn:aws:cognito-idp:ap-northeast-1:111122223333:userpool/ap-northeast-1_Example"
    )
    imported = [cognito.UserPoolClient.from_user_pool_client_id(scope, client, client) for client in clients]
    return TokenIssuer.of_user_pool(pool, *imported)


def membership(scope: Stack) -> lambda_.IFunction:
    return lambda_.Function.from_function_arn(scope, "Membership", FUNCTION_ARN)


@architecture
def defaults(stack: Stack) -> WebSocketChannels:
    channels = WebSocketChannels(stack, "Channels", issuer=users(stack))
    channels.add_namespace("rooms", subscribe_handler=membership(stack))
    return channels


@architecture(env=OREGON)
def all_options(stack: Stack) -> WebSocketChannels:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    handler = membership(stack)
    channels = WebSocketChannels(
        stack,
        "Channels",
        issuer=users_of_tokyo(stack, "client1", "client2"),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=alarms,
        log_retention=logs.RetentionDays.ONE_YEAR,
        removal_policy=RemovalPolicy.DESTROY,
    )
    channels.add_namespace("rooms", subscribe_handler=handler)
    channels.add_namespace("news", subscribe_handler=handler)
    SnsSqsFanout(stack, "Messages", alarm_topic=alarms).add_subscriber(
        "Live", consumer=QueueConsumer(channels.add_publisher("Publisher"))
    )
    return channels


@architecture(env=OREGON)
def imported_by_arn(stack: Stack) -> WebSocketChannels:
    channels = WebSocketChannels(
        stack,
        "Channels",
        issuer=users_of_tokyo(stack, "client1"),
        table=dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-west-2:111122223333:alarms"),
    )
    channels.add_namespace("rooms", subscribe_handler=membership(stack))
    channels.add_publisher("Publisher")
    return channels


@architecture
def two_in_one_stack(stack: Stack) -> None:
    issuer, handler = users(stack), membership(stack)
    for name in ("Public", "Staff"):
        WebSocketChannels(stack, name, issuer=issuer).add_namespace("rooms", subscribe_handler=handler)


@architecture
def in_a_stage(app: App) -> None:
    stack = Stack(Stage(app, "WebSocketStage"), "Rooms")
    channels = WebSocketChannels(stack, "Channels", issuer=users(stack))
    channels.add_namespace("rooms", subscribe_handler=membership(stack))


@architecture
def granted(stack: Stack) -> None:
    channels = WebSocketChannels(stack, "Channels", issuer=users(stack))
    rooms = channels.add_namespace("rooms", subscribe_handler=membership(stack))
    channels.add_namespace("news", subscribe_handler=rooms.subscribe_handler)
    channels.grant_publish(iam.Role(stack, "BackEnd", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
    rooms.grant_publish(iam.Role(stack, "RoomsOnly", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))


@architecture
def encrypted_anywhere(stack: Stack) -> None:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    WebSocketChannels(stack, "Channels", issuer=users(stack), encryption_key=key)


@architecture
def of_the_first_transport(stack: Stack) -> ChannelNamespace:
    channels = RealtimeChannels(stack, "Channels", issuer=users(stack))
    return channels.add_namespace("rooms", subscribe_handler=membership(stack))


@architecture
def documented(stack: Stack) -> WebSocketChannels:
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    return example(stack, users(stack), membership(stack), operators)


REVIEWED = [all_options, imported_by_arn, defaults]
EVERY = [*REVIEWED, two_in_one_stack, in_a_stage, documented]


@pytest.mark.parametrize("build", REVIEWED)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(WebSocketChannels, synthesis(documented))


@pytest.mark.parametrize("build", EVERY)
def test_rule_packs_have_nothing_to_say(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_who_connects_is_verified_and_nobody_else_gets_to_a_route(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    routes = {
        r["Properties"]["RouteKey"]: r["Properties"] for r in built.resources("AWS::ApiGatewayV2::Route").values()
    }
    assert set(routes) == ROUTES
    assert routes["$connect"]["AuthorizationType"] == "CUSTOM"
    (authorizer,) = built.resources("AWS::ApiGatewayV2::Authorizer").values()
    assert authorizer["Properties"]["IdentitySource"] == ["route.request.header.Sec-WebSocket-Protocol"]
    variables = _one(built, "AWS::Lambda::Function", "ChannelsAuthorizer")["Environment"]["Variables"]
    assert variables["CLIENT_IDS"] == "client1,client2"
    assert "cognito-idp.ap-northeast-1." in str(variables["ISSUER"])


def test_clients_are_answered(synthesis: Synthesis) -> None:
    routes = synthesis(defaults).resources("AWS::ApiGatewayV2::Route").values()
    answered = {
        route["Properties"]["RouteKey"]
        for route in routes
        if route["Properties"].get("RouteResponseSelectionExpression") == "$default"
    }
    assert answered == ROUTES - {"$connect", "$disconnect"}


def test_subscriptions_are_found_by_channel_and_by_connection_and_expire(synthesis: Synthesis) -> None:
    for build, kept in ((defaults, "Retain"), (all_options, "Delete")):
        (table,) = synthesis(build).resources("AWS::DynamoDB::GlobalTable").values()
        properties = table["Properties"]
        assert [key["AttributeName"] for key in properties["KeySchema"]] == ["channel", "connection"]
        (index,) = properties["GlobalSecondaryIndexes"]
        assert [key["AttributeName"] for key in index["KeySchema"]] == ["connection"]
        assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
        assert table["DeletionPolicy"] == kept


@pytest.mark.parametrize("build", EVERY)
def test_nothing_may_scan(build: Callable[..., Any], synthesis: Synthesis) -> None:
    actions = {action for statement in _statements(synthesis(build)) for action in statement["Action"]}
    assert not {action for action in actions if "Scan" in action or action.endswith("*")}


def test_the_publisher_may_post_to_this_api_and_use_the_table(synthesis: Synthesis) -> None:
    built = synthesis(imported_by_arn)
    (posting,) = _one(built, "AWS::IAM::Policy", "ChannelsPublisherPublish")["PolicyDocument"]["Statement"]
    others = _one(built, "AWS::IAM::Policy", "ChannelsPublisherRoleDefaultPolicy")["PolicyDocument"]["Statement"]
    (table,) = [statement for statement in others if "dynamodb:Query" in statement["Action"]]
    assert posting["Action"] == "execute-api:ManageConnections"
    assert posting["Resource"]["Fn::Join"][1][-1] == "/live/POST/@connections/*"
    assert (table["Action"], table["Resource"]) == (["dynamodb:DeleteItem", "dynamodb:Query"], TABLE_ARN)


def test_a_role_is_granted_the_same(synthesis: Synthesis) -> None:
    built = synthesis(granted)
    policy = _one(built, "AWS::IAM::Policy", "BackEndDefaultPolicy")
    posting, table = policy["PolicyDocument"]["Statement"]
    assert posting["Action"] == "execute-api:ManageConnections"
    assert posting["Resource"]["Fn::Join"][1][-1] == "/live/POST/@connections/*"
    assert table["Action"] == ["dynamodb:DeleteItem", "dynamodb:Query"]
    findings = built.findings("AwsSolutions", "Serverless")
    assert len(findings) == 2  # the * of each role, which is the user's to acknowledge


def test_a_role_of_one_namespace_finds_the_connections_of_its_channels_only(synthesis: Synthesis) -> None:
    policy = _one(synthesis(granted), "AWS::IAM::Policy", "RoomsOnlyDefaultPolicy")
    posting, table = policy["PolicyDocument"]["Statement"]
    assert posting["Action"] == "execute-api:ManageConnections"
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["/rooms", "/rooms/*"]}}
    assert table["Condition"] == condition


def test_the_table_has_the_customers_key_and_its_functions_may_use_it(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    (table,) = built.resources("AWS::DynamoDB::GlobalTable").values()
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    channels: WebSocketChannels = built.result
    assert channels.encryption_key is not None
    assert channels.encryption_key.node.id == "Key"
    for role in ("Subscriptions", "Publisher"):
        policy = _one(built, "AWS::IAM::Policy", f"Channels{role}RoleDefaultPolicy")
        allowed = [s for s in policy["PolicyDocument"]["Statement"] if "kms:Decrypt" in s["Action"]]
        assert allowed, role
    (table,) = synthesis(defaults).resources("AWS::DynamoDB::GlobalTable").values()
    assert "SSESpecification" not in table["Properties"]


def test_logs_have_the_customers_key(synthesis: Synthesis) -> None:
    for log in synthesis(all_options).resources("AWS::Logs::LogGroup").values():
        assert "Key" in log["Properties"]["KmsKeyId"]["Fn::GetAtt"][0]


def test_operators_can_tell_apis_and_authorizers_apart(synthesis: Synthesis) -> None:
    built = synthesis(two_in_one_stack)
    names = [api["Properties"]["Name"] for api in built.resources("AWS::ApiGatewayV2::Api").values()]
    assert [name.rpartition("-")[2] for name in names] == ["Public", "Staff"]
    authorizers = built.resources("AWS::ApiGatewayV2::Authorizer").values()
    assert [item["Properties"]["Name"] for item in authorizers] == [f"{name}-SignedIn" for name in names]


def test_subscribing_asks_the_handlers_of_the_namespaces(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    variables = _one(built, "AWS::Lambda::Function", "ChannelsSubscriptions")["Environment"]["Variables"]
    assert variables["SUBSCRIBE_HANDLERS"] == f'{{"rooms":"{FUNCTION_ARN}","news":"{FUNCTION_ARN}"}}'
    policy = _one(built, "AWS::IAM::Policy", "ChannelsSubscriptionsRoleDefaultPolicy")
    invoking = [s for s in policy["PolicyDocument"]["Statement"] if s["Action"] == "lambda:InvokeFunction"]
    assert [statement["Resource"] for statement in invoking] == [FUNCTION_ARN]


def test_logs_are_kept_as_asked(synthesis: Synthesis) -> None:
    kept = {
        log["Properties"]["RetentionInDays"] for log in synthesis(all_options).resources("AWS::Logs::LogGroup").values()
    }
    assert kept == {365}


def test_failing_functions_raise_alarms(synthesis: Synthesis) -> None:
    alarms = synthesis(imported_by_arn).resources("AWS::CloudWatch::Alarm").values()
    assert sorted(alarm["Properties"]["MetricName"] for alarm in alarms) == ["Errors", "Errors", "IntegrationError"]
    assert all(alarm["Properties"]["AlarmActions"] for alarm in alarms)
    synthesis(defaults).template.resource_count_is("AWS::CloudWatch::Alarm", 0)


def test_it_has_the_interface_of_the_first_transport(synthesis: Synthesis) -> None:
    channels: WebSocketChannels = synthesis(defaults).result
    assert channels.transport == "apigateway-websocket"
    stack = Stack.of(channels)
    for value, scheme in ((channels.http_endpoint, "https://"), (channels.realtime_endpoint, "wss://")):
        parts = stack.resolve(value)["Fn::Join"][1]
        assert (parts[0], parts[-1]) == (scheme, "/live")
    shared = ("add_namespace", "add_publisher", "grant_publish", "metric_connected", "metric_connect_errors")
    for name in (*shared, "metric_published", "metric_rejected", "namespaces", "alarms"):
        assert hasattr(RealtimeChannels, name)
        assert hasattr(WebSocketChannels, name)
    assert isinstance(channels.namespaces["rooms"], ChannelNamespace)
    assert isinstance(synthesis(of_the_first_transport).result, ChannelNamespace)
    assert synthesis(defaults).result.log_group is channels.subscriptions_function.log_group
    metrics = [channels.metric_connected(), channels.metric_connect_errors(), channels.metric_published()]
    metrics.append(channels.metric_rejected())
    names = [metric.metric_name for metric in metrics]
    assert names == ["ConnectCount", "IntegrationError", "MessageCount", "ClientError"]
    assert {metric.statistic for metric in metrics} == {"Sum"}


def test_an_option_of_a_new_table_beside_an_existing_one_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    table = dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN)
    issuer = users(stack)
    with pytest.raises(InvalidOptionError, match="removal_policy was given together with table"):
        WebSocketChannels(stack, "One", issuer=issuer, table=table, removal_policy=RemovalPolicy.DESTROY)
    WebSocketChannels(stack, "Three", issuer=issuer, table=table, removal_policy=RemovalPolicy.RETAIN)


def test_resources_of_another_region_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused", env=OREGON)
    issuer = users(stack)
    table = dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN.replace("us-west-2", "eu-west-1"))
    topic = sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:eu-west-1:111122223333:alarms")
    with pytest.raises(InvalidOptionError, match="table is in eu-west-1"):
        WebSocketChannels(stack, "One", issuer=issuer, table=table)
    with pytest.raises(InvalidOptionError, match="alarm_topic is in eu-west-1"):
        WebSocketChannels(stack, "Two", issuer=issuer, alarm_topic=topic)
    with pytest.raises(InvalidOptionError, match="alarm_topic is in eu-west-1"):
        RealtimeChannels(stack, "Three", issuer=issuer, alarm_topic=topic)


def test_a_key_is_taken_in_a_stack_without_a_region(synthesis: Synthesis) -> None:
    (table,) = synthesis(encrypted_anywhere).resources("AWS::DynamoDB::GlobalTable").values()
    assert table["Properties"]["SSESpecification"]["SSEType"] == "KMS"
    assert "KMSMasterKeyId" in table["Properties"]["Replicas"][0]["SSESpecification"]


def test_bad_namespaces_clients_and_order_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    pool = cognito.UserPool.from_user_pool_id(stack, "NoClients", "us-west-2_Example")
    with pytest.raises(InvalidOptionError, match=r"issuer.audience is \[\]"):
        WebSocketChannels(stack, "None", issuer=TokenIssuer.of_user_pool(pool))
    with pytest.raises(InvalidOptionError, match="not known to be a user pool"):
        WebSocketChannels(stack, "Other", issuer=TokenIssuer("https://issuer.example.com", ["client1"]))
    channels = WebSocketChannels(stack, "Channels", issuer=users(Stack(cdk_app, "Other")))
    with pytest.raises(InvalidOptionError, match="before any namespace"):
        channels.add_publisher("Publisher")
    with pytest.raises(InvalidOptionError, match="before any namespace"):
        channels.grant_publish(iam.AccountRootPrincipal())
    handler = membership(stack)
    with pytest.raises(InvalidOptionError, match="1 to 50 letters"):
        channels.add_namespace("rooms/*", subscribe_handler=handler)
    channels.add_namespace("rooms", subscribe_handler=handler)
    with pytest.raises(InvalidOptionError, match="which was added before"):
        channels.add_namespace("rooms", subscribe_handler=handler)


def _statements(built: Any) -> list[dict[str, Any]]:
    policies = built.resources("AWS::IAM::Policy").values()
    found = [s for policy in policies for s in policy["Properties"]["PolicyDocument"]["Statement"]]
    return [{**s, "Action": [s["Action"]] if isinstance(s["Action"], str) else s["Action"]} for s in found]


def _one(built: Any, resource_type: str, beginning: str) -> dict[str, Any]:
    found = built.resources(resource_type)
    (name,) = [name for name in found if name[:-8] == beginning]
    return dict(found[name]["Properties"])
