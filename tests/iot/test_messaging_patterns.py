"""What PointToPoint, Broadcast, FanoutNotification and Aggregation promise in their templates."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import (
    Aggregation,
    Broadcast,
    DeviceFleet,
    FanoutNotification,
    InvalidOptionError,
    PointToPoint,
    QueueConsumer,
    SnsSqsFanout,
)
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import aggregation, broadcast, fanout_notification, point_to_point


def fleet_in(stack: Stack) -> DeviceFleet:
    table = dynamodb.Table.from_table_arn(stack, "List", "arn:aws:dynamodb:us-east-1:111122223333:table/list")
    return DeviceFleet(stack, "Fleet", app="talk", contexts=["home", "factory"], table=table)


@architecture
def defaults(stack: Stack) -> None:
    fleet = fleet_in(stack)
    PointToPoint(stack, "PointToPoint", fleet=fleet)
    Broadcast(stack, "Broadcast", fleet=fleet)
    FanoutNotification(stack, "Alerts", fleet=fleet).add_subscriber("Archive")
    Aggregation(stack, "Together", fleet=fleet)


@architecture
def all_options(stack: Stack) -> None:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    fleet = fleet_in(stack)
    PointToPoint(
        stack,
        "PointToPoint",
        fleet=fleet,
        timeout=Duration.minutes(15),
        alarm_topic=alarms,
        removal_policy=RemovalPolicy.DESTROY,
    )
    Broadcast(stack, "Broadcast", fleet=fleet)
    alerts = FanoutNotification(
        stack,
        "Alerts",
        fleet=fleet,
        kind="+",
        fanout=SnsSqsFanout(stack, "Fanout", alarm_topic=alarms),
        alarm_topic=alarms,
    )
    alerts.add_subscriber("One", contexts=["home"], things=["sensor-1"], consumer=QueueConsumer(max_receive_count=3))
    stream = kinesis.Stream.from_stream_arn(stack, "Stream", "arn:aws:kinesis:us-east-1:111122223333:stream/together")
    together = Aggregation(stack, "Together", fleet=fleet, kind="climate", stream=stream, alarm_topic=alarms)
    together.use_basic_ingest()
    together.grant_read(iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal()))


@architecture
def granted(stack: Stack) -> None:
    fleet = fleet_in(stack)
    operator = iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal())
    PointToPoint(stack, "PointToPoint", fleet=fleet).grant_command(operator)
    Broadcast(stack, "Broadcast", fleet=fleet).grant_broadcast(operator)


@architecture
def documented(stack: Stack) -> list[Construct]:
    fleet = fleet_in(stack)
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    api = apigatewayv2.HttpApi(stack, "Api")
    authorizer = authorizers.HttpJwtAuthorizer("Jwt", "https://issuer.example.com", jwt_audience=["operators"])
    return [
        point_to_point.build(stack, fleet, api, authorizer),
        broadcast.build(stack, fleet, iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal())),
        fanout_notification.build(stack, fleet, operators),
        aggregation.build(stack, fleet),
    ]


@architecture
def in_a_stage(app: App) -> None:
    stack = Stack(Stage(app, "TalkStage"), "Talk")
    fleet = fleet_in(stack)
    for number in ("One", "Two"):
        PointToPoint(stack, f"PointToPoint{number}", fleet=fleet)
        Broadcast(stack, f"Broadcast{number}", fleet=fleet)
        FanoutNotification(stack, f"Alerts{number}", fleet=fleet)
        Aggregation(stack, f"Together{number}", fleet=fleet)


EVERY = [defaults, all_options, in_a_stage]


@pytest.mark.parametrize("build", [defaults, all_options])
def test_architecture_for_reviewers(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options])
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


@pytest.mark.parametrize("pattern", [Aggregation, Broadcast, FanoutNotification, PointToPoint])
def test_page(pattern: type[Construct], synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(pattern, synthesis(documented))


@pytest.mark.parametrize("build", EVERY)
def test_rule_packs_have_nothing_to_say(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_operator_may_call_what_it_was_granted(synthesis: Synthesis) -> None:
    policies = synthesis(granted).resources("AWS::IAM::Policy")
    [policy] = [policy for name, policy in policies.items() if name.startswith("Operator")]
    allowed = policy["Properties"]["PolicyDocument"]["Statement"]
    assert {statement["Action"] for statement in allowed} == {"lambda:InvokeFunction"}
    functions = {arn["Fn::GetAtt"][0] for s in allowed for arn in s["Resource"] if "Fn::GetAtt" in arn}
    assert {name.partition("Function")[0] for name in functions} == {"Broadcast", "PointToPointCommand"}


def test_every_route_asks_who_is_there(synthesis: Synthesis) -> None:
    routes = synthesis(documented).resources("AWS::ApiGatewayV2::Route").values()
    assert sorted(route["Properties"]["RouteKey"] for route in routes) == [
        "GET /commands/{session}",
        "GET /things/{thing}/state",
        "POST /things/{thing}/commands",
        "PUT /things/{thing}/desired",
    ]
    assert all(route["Properties"]["AuthorizationType"] == "JWT" for route in routes)


def test_no_text_of_a_device_is_refused_by_the_queue_of_responses(synthesis: Synthesis) -> None:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html: not U+FFFF, for one
    rules = synthesis(defaults).resources("AWS::IoT::TopicRule")
    [responses] = [rule["Properties"]["TopicRulePayload"] for name, rule in rules.items() if "Answers" in name]
    assert [action["Sqs"]["UseBase64"] for action in responses["Actions"]] == [True]


@pytest.mark.parametrize("build", EVERY)
def test_every_rule_has_a_place_for_failures(build: Callable[..., Any], synthesis: Synthesis) -> None:
    rules = synthesis(build).resources("AWS::IoT::TopicRule").values()
    places = [rule["Properties"]["TopicRulePayload"]["ErrorAction"]["Sqs"]["QueueUrl"]["Ref"] for rule in rules]
    assert len(places) == len(set(places)) >= 4


def test_every_place_for_failures_has_an_alarm(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    queues = built.resources("AWS::SQS::Queue")
    watched = {
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in built.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("MetricName") == "ApproximateNumberOfMessagesVisible"
    }
    without_fleet = {name for name, queue in queues.items() if "RedrivePolicy" not in queue["Properties"]} - {
        name for name in queues if name.startswith("Fleet")
    }
    assert without_fleet == watched


def statements(built: Any, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for name, policy in built.resources("AWS::IAM::Policy").items()
        if role in json.dumps(policy["Properties"]["Roles"]) or role in name
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "iot:" in json.dumps(statement["Action"])
    ]


def test_commands_go_to_command_topics_of_the_fleet_only(synthesis: Synthesis) -> None:
    found = statements(synthesis(defaults), "PointToPointCommandFunction")
    [publish] = [statement for statement in found if statement["Action"] == "iot:Publish"]
    suffixes = sorted(resource["Fn::Join"][1][-1] for resource in publish["Resource"])
    assert suffixes == [":topic/cmd/talk/factory/*/req", ":topic/cmd/talk/home/*/req"]
    assert {action for statement in found for action in [statement["Action"]] if isinstance(action, str)} == {
        "iot:Publish"
    }


def test_broadcasts_go_to_everyone_s_topics_and_own_jobs_only(synthesis: Synthesis) -> None:
    found = statements(synthesis(defaults), "BroadcastFunction")
    [publish] = [statement for statement in found if statement["Action"] == "iot:Publish"]
    suffixes = sorted(resource["Fn::Join"][1][-1] for resource in publish["Resource"])
    assert suffixes == [f":topic/cmd/talk/{context}/all/req" for context in ("all", "factory", "home")]
    jobs = [statement for statement in found if statement["Action"] != "iot:Publish"]
    assert all(statement["Resource"] != "*" for statement in jobs)


def test_subscriber_hears_what_its_filter_names(synthesis: Synthesis) -> None:
    [subscription] = synthesis(all_options).resources("AWS::SNS::Subscription").values()
    assert subscription["Properties"]["FilterPolicy"] == {"context": ["home"], "thing": ["sensor-1"]}
    assert subscription["Properties"]["FilterPolicyScope"] == "MessageBody"


def test_only_rules_listen_with_wildcards(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    for policy in built.resources("AWS::IoT::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Action"] == "iot:Subscribe":
                assert "+" not in json.dumps(statement["Resource"])
                assert "#" not in json.dumps(statement["Resource"])
    [together] = [
        rule["Properties"]["TopicRulePayload"]
        for name, rule in built.resources("AWS::IoT::TopicRule").items()
        if name.startswith("Together")
    ]
    assert together["Actions"][0]["Kinesis"]["PartitionKey"] == "${topic(4)}"


def test_options_that_cannot_work_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    fleet = fleet_in(stack)
    stream = kinesis.Stream(stack, "Stream")
    refusals: list[tuple[str, Callable[[], Any]]] = [
        ("timeout", lambda: PointToPoint(stack, "A", fleet=fleet, timeout=Duration.minutes(16))),
        ("timeout", lambda: PointToPoint(stack, "B", fleet=fleet, timeout=Duration.millis(0))),
        ("kind", lambda: FanoutNotification(stack, "C", fleet=fleet, kind="a/b")),
        (
            "fanout",
            lambda: FanoutNotification(stack, "D", fleet=fleet, fanout=SnsSqsFanout(stack, "Fifo", fifo=True)),
        ),
        ("kind", lambda: Aggregation(stack, "E", fleet=fleet, kind="#")),
        (
            "retention",
            lambda: Aggregation(stack, "F", fleet=fleet, stream=stream, retention=Duration.days(2)),
        ),
    ]
    for option, build in refusals:
        with pytest.raises(InvalidOptionError) as refused:
            build()
        assert refused.value.option == option
    alerts = FanoutNotification(stack, "Alerts", fleet=fleet)
    with pytest.raises(InvalidOptionError, match="contexts"):
        alerts.add_subscriber("Moon", contexts=["moon"])
    with pytest.raises(InvalidOptionError, match="things"):
        alerts.add_subscriber("All", things=["all"])


def test_a_given_key_has_the_removal_policy_of_who_made_it(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    fleet, key = fleet_in(stack), kms.Key(stack, "Key", enable_key_rotation=True)
    FanoutNotification(stack, "Kept", fleet=fleet, encryption_key=key)
    FanoutNotification(stack, "Removed", fleet=fleet, removal_policy=RemovalPolicy.DESTROY)
    with pytest.raises(
        InvalidOptionError, match=r"^Stack/Alerts: removal_policy was given together with encryption_key"
    ):
        FanoutNotification(stack, "Alerts", fleet=fleet, encryption_key=key, removal_policy=RemovalPolicy.DESTROY)
