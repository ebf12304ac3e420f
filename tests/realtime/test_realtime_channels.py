"""What RealtimeChannels promises in its templates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage, Token
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, QueueConsumer, RealtimeChannels, SnsSqsFanout, TokenIssuer
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.realtime_channels import build as example

MEMBERSHIP = Path(__file__).parents[2] / "docs/examples/room_membership"
TOKYO = Environment(region="ap-northeast-1")
OREGON = Environment(region="us-west-2")
FUNCTION_ARN = "arn:aws:lambda:us-west-2:111122223333:function:membership"


def membership(scope: Stack, construct_id: str = "Membership") -> lambda_.Function:
    return add_function(
        scope,
        construct_id,
        handler=MEMBERSHIP,
        description="Knows the members of rooms",
        invocation=Invocation.REQUEST,
        environment={"TABLE_NAME": "members"},
    )


def users(scope: Stack, *others: str) -> TokenIssuer:
    """Return an existing pool: making one is not what is tested, and nag has its own opinion of user pools."""
    pool = cognito.UserPool.from_user_pool_id(scope, "Users", "us-west-2_Example")
    clients = [
        cognito.UserPoolClient.from_user_pool_client_id(scope, f"Client{client}", client)
        for client in ("client1", *others)
    ]
    return TokenIssuer.of_user_pool(pool, *clients)


def users_of_tokyo(scope: Stack, *clients: str) -> TokenIssuer:
    pool = cognito.UserPool.from_user_pool_arn(
        scope, "Users", "arn:aws:cognito-idp:ap-northeast-1:111122223333:userpool/ap-northeast-1_Example"
    )
    imported = [cognito.UserPoolClient.from_user_pool_client_id(scope, client, client) for client in clients]
    return TokenIssuer.of_user_pool(pool, *imported)


@architecture
def defaults(stack: Stack) -> RealtimeChannels:
    channels = RealtimeChannels(stack, "Channels", issuer=users(stack))
    channels.add_namespace("rooms", subscribe_handler=membership(stack))
    return channels


@architecture(env=OREGON)
def all_options(stack: Stack) -> RealtimeChannels:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    channels = RealtimeChannels(
        stack,
        "Channels",
        issuer=users_of_tokyo(stack, "client1", "client2"),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=alarms,
        log_retention=logs.RetentionDays.ONE_YEAR,
        removal_policy=RemovalPolicy.DESTROY,
    )
    rooms = channels.add_namespace("rooms", subscribe_handler=membership(stack))
    channels.add_namespace("breaking-news", subscribe_handler=membership(stack, "Readers"))
    messages = SnsSqsFanout(stack, "Messages", alarm_topic=alarms)
    table = dynamodb.TableV2(
        stack,
        "Table",
        partition_key=_text("pk"),
        sort_key=_text("sk"),
        encryption=dynamodb.TableEncryptionV2.customer_managed_key(
            kms.Key(stack, "TableKey", enable_key_rotation=True)
        ),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    publisher = channels.add_publisher("Publisher", lag_table=table, max_lag=Duration.seconds(5))
    messages.add_subscriber("Live", consumer=QueueConsumer(publisher))
    rooms.grant_publish(iam.Role(stack, "Moderators", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
    channels.grant_publish(iam.Role(stack, "Editors", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
    return channels


@architecture(env=OREGON)
def imported_by_arn(stack: Stack) -> RealtimeChannels:
    alarms = sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-west-2:111122223333:alarms")
    channels = RealtimeChannels(stack, "Channels", issuer=users_of_tokyo(stack, "client1"), alarm_topic=alarms)
    handler = lambda_.Function.from_function_arn(stack, "Handler", FUNCTION_ARN)
    rooms = channels.add_namespace("rooms", subscribe_handler=handler)
    rooms.grant_publish(iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/back-end"))
    return channels


@architecture
def two_in_one_stack(stack: Stack) -> list[RealtimeChannels]:
    issuer, handler = users(stack), membership(stack)
    made = [RealtimeChannels(stack, name, issuer=issuer) for name in ("Public", "Staff")]
    for channels in made:
        channels.add_namespace("rooms", subscribe_handler=handler)
    return made


@architecture
def in_a_stage(app: App) -> None:
    stack = Stack(Stage(app, "RealtimeStage"), "Rooms")
    RealtimeChannels(stack, "Channels", issuer=users(stack)).add_namespace("rooms", subscribe_handler=membership(stack))


@architecture
def users_of_another_region(app: App) -> None:
    home = Stack(app, "RealtimeHome", env=TOKYO)
    pool = cognito.UserPool(home, "Users")
    client = pool.add_client("Client")
    stack = Stack(app, "RealtimeAway", env=OREGON)
    channels = RealtimeChannels(stack, "Channels", issuer=TokenIssuer.of_user_pool(pool, client))
    channels.add_namespace("rooms", subscribe_handler=membership(stack))


@architecture
def documented(stack: Stack) -> RealtimeChannels:
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    return example(stack, users(stack), operators)


REVIEWED = [all_options, imported_by_arn, defaults]
EVERY = [*REVIEWED, two_in_one_stack, in_a_stage]


@pytest.mark.parametrize("build", REVIEWED)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(RealtimeChannels, synthesis(documented))


@pytest.mark.parametrize("build", EVERY)
def test_rule_packs_have_nothing_to_say(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_the_documented_example_synthesises(synthesis: Synthesis) -> None:
    assert len(synthesis(documented).resources("AWS::AppSync::ChannelNamespace")) == 1


def test_users_connect_and_subscribe_and_roles_publish(synthesis: Synthesis) -> None:
    (api,) = synthesis(defaults).resources("AWS::AppSync::Api").values()
    config = api["Properties"]["EventConfig"]
    user, role = [{"AuthType": "AMAZON_COGNITO_USER_POOLS"}], [{"AuthType": "AWS_IAM"}]
    assert config["ConnectionAuthModes"] == config["DefaultSubscribeAuthModes"] == user
    assert config["DefaultPublishAuthModes"] == role
    for namespace in synthesis(all_options).resources("AWS::AppSync::ChannelNamespace").values():
        assert namespace["Properties"]["SubscribeAuthModes"] == user
        assert namespace["Properties"]["PublishAuthModes"] == role


@pytest.mark.parametrize(("build", "clients"), [(defaults, "^(client1)$"), (all_options, "^(client1|client2)$")])
def test_only_tokens_of_the_named_clients_are_accepted(
    build: Callable[..., Any], clients: str, synthesis: Synthesis
) -> None:
    assert _cognito(synthesis(build))["AppIdClientRegex"] == clients


@pytest.mark.parametrize("build", [all_options, imported_by_arn])
def test_the_users_may_be_of_another_region(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert _cognito(synthesis(build))["AwsRegion"] == "ap-northeast-1"


def test_users_of_another_stack_and_region_are_found_at_deployment(synthesis: Synthesis) -> None:
    config = _cognito(synthesis(users_of_another_region))
    assert config["AwsRegion"] == "ap-northeast-1"
    assert "Ref" not in config["UserPoolId"]


def test_every_subscription_is_checked_by_the_handler(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    sources = built.resources("AWS::AppSync::DataSource")
    names = {source["Properties"]["Name"] for source in sources.values()}
    assert names == {"subscribe_rooms", "subscribe_breaking_news"}
    for namespace in built.resources("AWS::AppSync::ChannelNamespace").values():
        handler = namespace["Properties"]["HandlerConfigs"]["OnSubscribe"]
        assert handler["Behavior"] == "DIRECT"
        assert handler["Integration"]["LambdaConfig"] == {"InvokeType": "REQUEST_RESPONSE"}
        assert handler["Integration"]["DataSourceName"] in names
        assert set(namespace["DependsOn"]) <= set(sources)


def test_appsync_may_call_the_handler_for_this_api_and_nothing_else(synthesis: Synthesis) -> None:
    built = synthesis(imported_by_arn)
    role = _one(built, "AWS::IAM::Role", "ChannelsroomsHandlerRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "appsync.amazonaws.com"}
    assert set(trust["Condition"]) == {"StringEquals", "ArnEquals"}
    policy = _one(built, "AWS::IAM::Policy", "ChannelsroomsHandlerPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("lambda:InvokeFunction", FUNCTION_ARN)


def test_a_role_may_publish_where_it_was_granted(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    for role, namespaces in (("Moderators", 1), ("Editors", 2), ("ChannelsPublisherRole", 2)):
        policy = _one(built, "AWS::IAM::Policy", f"{role}DefaultPolicy")
        granted = [
            statement["Resource"]
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Action"] == "appsync:EventPublish"
        ]
        resources = granted[0] if isinstance(granted[0], list) else granted
        assert len(resources) == namespaces
        assert all(resource["Fn::GetAtt"][1] == "ChannelNamespaceArn" for resource in resources)


@pytest.mark.parametrize("build", EVERY)
def test_nobody_but_the_granted_may_publish_connect_or_subscribe(
    build: Callable[..., Any], synthesis: Synthesis
) -> None:
    actions = {
        action
        for policy in synthesis(build).resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action.startswith("appsync:")
    }
    assert actions <= {"appsync:EventPublish"}


def test_the_publisher_consumes_the_fanouts_queue(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    (mapping,) = built.resources("AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    publisher = _one(built, "AWS::Lambda::Function", "ChannelsPublisher")
    assert publisher["Environment"]["Variables"]["HTTP_DOMAIN"]["Fn::GetAtt"][1] == "Dns.Http"


@pytest.mark.parametrize(("build", "days"), [(defaults, 90), (all_options, 365)])
def test_the_log_is_kept_and_appsync_may_only_write_it(
    build: Callable[..., Any], days: int, synthesis: Synthesis
) -> None:
    built = synthesis(build)
    log = _one(built, "AWS::Logs::LogGroup", "ChannelsLogs")
    assert log["RetentionInDays"] == days
    policy = _one(built, "AWS::IAM::Policy", "ChannelsLogPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert "ChannelsLogs" in statement["Resource"]["Fn::GetAtt"][0]


def test_errors_of_appsync_and_of_the_handlers_raise_alarms(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()
    watched = [
        alarm["Properties"]["MetricName"] for alarm in alarms if alarm["Properties"]["Namespace"] == "AWS/AppSync"
    ]
    assert sorted(watched) == ["5XXError", "ConnectServerError", "SubscribeServerError", "SubscribeServerError"]
    assert all(alarm["Properties"]["AlarmActions"] for alarm in alarms)


def test_alarms_are_a_property_and_what_was_given_an_attribute(synthesis: Synthesis) -> None:
    channels: RealtimeChannels = synthesis(all_options).result
    assert len(channels.alarms) == 4
    assert list(channels.issuer.audience) == ["client1", "client2"]
    assert channels.namespaces["rooms"].subscribe_handler.node.id == "Membership"
    assert synthesis(defaults).result.alarms == []


@pytest.mark.parametrize(("build", "policy"), [(defaults, "Retain"), (all_options, "Delete")])
def test_logs_follow_the_removal_policy(build: Callable[..., Any], policy: str, synthesis: Synthesis) -> None:
    groups = synthesis(build).resources("AWS::Logs::LogGroup")
    made = {name: group["DeletionPolicy"] for name, group in groups.items() if name.startswith("Channels")}
    assert made
    assert set(made.values()) == {policy}


def test_its_logs_have_the_customers_key(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    for name in ("ChannelsLogs", "ChannelsPublisherLogs"):
        assert "Key" in _one(built, "AWS::Logs::LogGroup", name)["KmsKeyId"]["Fn::GetAtt"][0]
    assert built.result.encryption_key.node.id == "Key"
    assert "KmsKeyId" not in _one(synthesis(defaults), "AWS::Logs::LogGroup", "ChannelsLogs")


def test_no_alarms_without_somebody_to_notify(synthesis: Synthesis) -> None:
    synthesis(defaults).template.resource_count_is("AWS::CloudWatch::Alarm", 0)


def test_clients_get_the_addresses_of_the_api(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    channels: RealtimeChannels = built.result
    stack = Stack.of(channels)
    assert channels.transport == "appsync-events"
    for value, attribute, start, end in (
        (channels.http_endpoint, "Dns.Http", "https://", "/event"),
        (channels.realtime_endpoint, "Dns.Realtime", "wss://", "/event/realtime"),
    ):
        first, domain, last = stack.resolve(value)["Fn::Join"][1]
        assert (first, domain["Fn::GetAtt"][1], last) == (start, attribute, end)


def test_metrics_are_of_this_api(synthesis: Synthesis) -> None:
    channels: RealtimeChannels = synthesis(all_options).result
    rooms = channels.namespaces["rooms"]
    of_api = [
        channels.metric_connections(),
        channels.metric_connected(),
        channels.metric_connect_errors(),
        channels.metric_published(),
        channels.metric_rejected(),
        channels.metric_publish_errors(),
    ]
    of_namespace = [rooms.metric_subscribed(), rooms.metric_rejected(), rooms.metric_subscribe_errors()]
    assert all(set(metric.dimensions or {}) == {"EventAPIId"} for metric in of_api)
    assert all((metric.dimensions or {})["ChannelNamespaceName"] == "rooms" for metric in of_namespace)
    assert len({metric.metric_name for metric in [*of_api, *of_namespace]}) == 9


@pytest.mark.parametrize("name", ["a room", "-rooms", "rooms-", "rooms/one", "*", "x" * 51])
def test_a_name_that_is_no_segment_is_refused(name: str, cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    channels = RealtimeChannels(stack, "Channels", issuer=users(stack))
    with pytest.raises(InvalidOptionError, match="1 to 50 letters"):
        channels.add_namespace(name, subscribe_handler=membership(stack))


def test_a_name_known_only_at_deployment_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    channels = RealtimeChannels(stack, "Channels", issuer=users(stack))
    with pytest.raises(InvalidOptionError, match="Tokens cannot be checked"):
        channels.add_namespace(Token.as_string({"Ref": "Name"}), subscribe_handler=membership(stack))


def test_a_name_that_is_taken_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    channels, handler = RealtimeChannels(stack, "Channels", issuer=users(stack)), membership(stack)
    channels.add_namespace("rooms", subscribe_handler=handler)
    with pytest.raises(InvalidOptionError, match="which was added before"):
        channels.add_namespace("rooms", subscribe_handler=handler)


def test_no_client_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    pool = cognito.UserPool.from_user_pool_id(stack, "Users", "us-west-2_Example")
    with pytest.raises(InvalidOptionError, match=r"issuer.audience is \[\]"):
        RealtimeChannels(stack, "Channels", issuer=TokenIssuer.of_user_pool(pool))


def test_an_issuer_that_is_no_user_pool_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    with pytest.raises(InvalidOptionError, match=r"issuer is https://issuer\.example\.com, which is not known to be"):
        RealtimeChannels(stack, "Channels", issuer=TokenIssuer("https://issuer.example.com", ["client1"]))


@pytest.mark.parametrize("what", ["grant_publish", "add_publisher"])
def test_publishing_to_no_namespace_is_refused(what: str, cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    channels = RealtimeChannels(stack, "Channels", issuer=users(stack))
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    with pytest.raises(InvalidOptionError, match=rf"{what} was called before any namespace"):
        channels.grant_publish(role) if what == "grant_publish" else channels.add_publisher("Publisher")


def _cognito(built: Any) -> dict[str, Any]:
    (api,) = built.resources("AWS::AppSync::Api").values()
    providers = api["Properties"]["EventConfig"]["AuthProviders"]
    (found,) = [provider["CognitoConfig"] for provider in providers if "CognitoConfig" in provider]
    return dict(found)


def _one(built: Any, resource_type: str, beginning: str) -> dict[str, Any]:
    found = built.resources(resource_type)
    (name,) = [name for name in found if name[:-8] == beginning]
    return dict(found[name]["Properties"])


def test_a_publisher_may_write_the_note_of_its_lag_and_nothing_else_of_the_table(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    publisher = _one(built, "AWS::Lambda::Function", "ChannelsPublisher")
    assert publisher["Environment"]["Variables"]["MAX_LAG"] == "5"
    policies = [policy["Properties"] for policy in built.resources("AWS::IAM::Policy").values()]
    statements = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
    [writes] = [one for one in statements if "dynamodb:" in str(one["Action"])]
    assert writes["Action"] == "dynamodb:PutItem"
    keys = writes["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
    assert keys in ("DELIVERY#us-west-2", ["DELIVERY#us-west-2"])


def test_half_of_a_lag_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused", env=OREGON)
    channels = RealtimeChannels(stack, "Channels", issuer=users(stack))
    channels.add_namespace("rooms", subscribe_handler=membership(stack))
    table = dynamodb.TableV2(stack, "Table", partition_key=_text("pk"), sort_key=_text("sk"))
    other = dynamodb.TableV2(stack, "Other", partition_key=_text("id"))
    with pytest.raises(InvalidOptionError, match="lag_table was given without max_lag"):
        channels.add_publisher("One", lag_table=table)
    with pytest.raises(InvalidOptionError, match="max_lag was given without lag_table"):
        channels.add_publisher("Two", max_lag=Duration.seconds(5))
    with pytest.raises(InvalidOptionError, match=r"max_lag is 61 seconds\. Use 1 second to 1 minute"):
        channels.add_publisher("Three", lag_table=table, max_lag=Duration.seconds(61))
    with pytest.raises(InvalidOptionError, match="lag_table is Refused/Other: it has the partition key id"):
        channels.add_publisher("Four", lag_table=other, max_lag=Duration.seconds(5))


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
