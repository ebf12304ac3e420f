"""The options that every pattern has, in the patterns for devices: key, alarms, logs, removal, existing resources."""

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdp_constructs import (
    Aggregation,
    Broadcast,
    DeviceFleet,
    FanoutNotification,
    InvalidOptionError,
    IotAccountSettings,
    PointToPoint,
    QueueConsumer,
    SnsSqsFanout,
    TopicRule,
)
from cdp_constructs.testing import Synthesis, architecture

SQL = "SELECT * FROM 'dt/talk/#'"


@architecture
def with_a_key(stack: Stack) -> None:
    """Everything that holds data, encrypted with one key, removed with the stack."""
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    options: dict[str, Any] = {
        "encryption_key": key,
        "alarm_topic": sns.Topic(stack, "Alarms", enforce_ssl=True, master_key=key),
        "log_retention": logs.RetentionDays.ONE_WEEK,
        "removal_policy": RemovalPolicy.DESTROY,
    }
    fleet = DeviceFleet(stack, "Fleet", app="talk", contexts=["home"], **options)
    fleet.add_certificate_authority(
        "Vendor", certificate="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    )
    commands = PointToPoint(stack, "Commands", fleet=fleet, **options)
    commands.grant_read(iam.Role(stack, "Auditor", assumed_by=iam.AccountRootPrincipal()))
    without_logs = {name: value for name, value in options.items() if name != "log_retention"}
    Aggregation(stack, "Together", fleet=fleet, **without_logs)
    FanoutNotification(
        stack, "Alerts", fleet=fleet, encryption_key=key, alarm_topic=options["alarm_topic"]
    ).add_subscriber("Archive")


@architecture
def existing(stack: Stack) -> None:
    """Existing resources with a key of their own."""
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    fleet = DeviceFleet(stack, "Fleet", app="talk", contexts=["home"])
    sessions = dynamodb.Table.from_table_attributes(
        stack, "Sessions", table_arn="arn:aws:dynamodb:us-east-1:111122223333:table/sessions", encryption_key=key
    )
    commands = PointToPoint(stack, "Commands", fleet=fleet, table=sessions)
    assert commands.table is sessions
    api = apigatewayv2.HttpApi(
        stack,
        "Api",
        default_authorizer=authorizers.HttpJwtAuthorizer("Jwt", "https://issuer.example.com", jwt_audience=["a"]),
    )
    routes = commands.add_routes(api, path="/fleet")
    assert len(routes) == 4
    queue = sqs.Queue(stack, "Failed", encryption_master_key=key, enforce_ssl=True)
    TopicRule(stack, "Rule", sql=SQL, description="Everything", dead_letter_queue=queue)
    fleet.add_claim_certificate(
        "Line",
        certificate_signing_request="-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----",
    )


@architecture
def consumed(stack: Stack) -> None:
    fleet = DeviceFleet(stack, "Fleet", app="talk", contexts=["home"])
    worker = lambda_.Function(
        stack,
        "Worker",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        timeout=Duration.seconds(20),
    )
    alerts = FanoutNotification(stack, "Alerts", fleet=fleet)
    alerts.add_subscriber("Worker", consumer=QueueConsumer(worker, batch_size=3), raw_message_delivery=False)


def policies_of(built: Any, role: str) -> str:
    """Return the policies of the role whose logical id begins with a text."""
    policies = built.resources("AWS::IAM::Policy").values()
    found = [json.dumps(p) for p in policies if json.dumps(p["Properties"]["Roles"]).startswith(f'[{{"Ref": "{role}')]
    assert found, role
    return "".join(found)


def test_everything_that_holds_data_is_encrypted_with_the_key(synthesis: Synthesis) -> None:
    built = synthesis(with_a_key)
    [key] = built.resources("AWS::KMS::Key")
    arn = {"Fn::GetAtt": [key, "Arn"]}
    for queue in built.resources("AWS::SQS::Queue").values():
        assert queue["Properties"]["KmsMasterKeyId"] == arn
    for table in built.resources("AWS::DynamoDB::GlobalTable").values():
        assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        assert table["Properties"]["Replicas"][0]["SSESpecification"]["KMSMasterKeyId"] == arn
    for group in built.resources("AWS::Logs::LogGroup").values():
        assert group["Properties"]["KmsKeyId"] == arn
        assert group["Properties"]["RetentionInDays"] == 7
    [stream] = built.resources("AWS::Kinesis::Stream").values()
    assert stream["Properties"]["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": arn}
    topics = built.resources("AWS::SNS::Topic").values()
    assert [topic["Properties"]["KmsMasterKeyId"] for topic in topics] == [arn, arn]


def test_who_uses_encrypted_data_may_use_the_key(synthesis: Synthesis) -> None:
    built = synthesis(with_a_key)
    for role in (
        *("FleetRegistrationFunctionRole", "FleetCertificatesFunctionRole", "FleetCertificateInUseRole"),
        *("CommandsCommandFunctionRole", "CommandsOutcomeFunctionRole", "CommandsAnswersRole"),
        *("TogetherRuleRole", "AlertsRuleRole", "FleetVendorRegisteredRole", "Auditor"),
    ):
        assert "kms:Decrypt" in policies_of(built, role), role


def test_what_is_created_follows_the_removal_policy(synthesis: Synthesis) -> None:
    resources = synthesis(with_a_key).template_json["Resources"]
    kinds = ("AWS::DynamoDB::GlobalTable", "AWS::Kinesis::Stream", "AWS::Logs::LogGroup")
    found = [resource for resource in resources.values() if resource["Type"] in kinds]
    assert {resource["Type"] for resource in found} == set(kinds)
    assert {resource["DeletionPolicy"] for resource in found} == {"Delete"}


def test_rule_packs_have_nothing_to_say(synthesis: Synthesis) -> None:
    assert synthesis(with_a_key).findings("AwsSolutions", "Serverless") == []


def test_the_key_of_an_existing_resource_is_granted(synthesis: Synthesis) -> None:
    built = synthesis(existing)
    for role in ("CommandsCommandFunctionRole", "CommandsOutcomeFunctionRole", "RuleRole"):
        assert "kms:Decrypt" in policies_of(built, role), role
    assert not [name for name in built.resources("AWS::DynamoDB::GlobalTable") if name.startswith("Commands")]


def test_routes_stand_below_their_path_and_use_the_apis_authorizer(synthesis: Synthesis) -> None:
    built = synthesis(existing)
    routes = [route["Properties"] for route in built.resources("AWS::ApiGatewayV2::Route").values()]
    assert sorted(route["RouteKey"] for route in routes) == [
        "GET /fleet/commands/{session}",
        "GET /fleet/things/{thing}/state",
        "POST /fleet/things/{thing}/commands",
        "PUT /fleet/things/{thing}/desired",
    ]
    assert {route["AuthorizationType"] for route in routes} == {"JWT"}
    [function] = [f for name, f in built.resources("AWS::Lambda::Function").items() if "CommandFunction" in name]
    assert function["Properties"]["Environment"]["Variables"]["PATH_PREFIX"] == "/fleet"


def test_a_claim_certificate_can_be_made_from_a_signing_request(synthesis: Synthesis) -> None:
    built = synthesis(existing)
    [certificate] = built.resources("AWS::IoT::Certificate")
    [attachment] = built.resources("AWS::IoT::PolicyPrincipalAttachment").values()
    assert attachment["Properties"]["Principal"] == {"Fn::GetAtt": [certificate, "Arn"]}


def test_a_subscriber_takes_a_consumer(synthesis: Synthesis) -> None:
    built = synthesis(consumed)
    [queue] = [
        q for name, q in built.resources("AWS::SQS::Queue").items() if name.startswith("AlertsFanoutWorkerQueue")
    ]
    assert queue["Properties"]["VisibilityTimeout"] == 120
    [mapping] = [
        mapping["Properties"]
        for name, mapping in built.resources("AWS::Lambda::EventSourceMapping").items()
        if name.startswith("AlertsFanoutWorker")
    ]
    assert mapping["BatchSize"] == 3
    [subscription] = built.resources("AWS::SNS::Subscription").values()
    assert not subscription["Properties"].get("RawMessageDelivery")


def test_patterns_know_their_alarms_and_metrics(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    topic = sns.Topic(stack, "Alarms")
    fleet = DeviceFleet(stack, "Fleet", app="talk", contexts=["home"], alarm_topic=topic)
    patterns: list[Any] = [
        fleet,
        PointToPoint(stack, "Commands", fleet=fleet, alarm_topic=topic),
        Broadcast(stack, "Broadcast", fleet=fleet, alarm_topic=topic),
        Aggregation(stack, "Together", fleet=fleet, alarm_topic=topic),
        FanoutNotification(stack, "Alerts", fleet=fleet, alarm_topic=topic),
        TopicRule(stack, "Rule", sql=SQL, description="", alarm_topic=topic),
        IotAccountSettings(stack, "Iot", alarm_topic=topic),
    ]
    assert [len(pattern.alarms) for pattern in patterns] == [5, 4, 1, 3, 3, 2, 3]
    assert PointToPoint(stack, "Silent", fleet=fleet).alarms == []
    for pattern in patterns:
        names = [name for name in dir(type(pattern)) if name.startswith("metric_")]
        for name in names:
            metric = getattr(pattern, name)(period=Duration.minutes(7))
            assert metric.period.to_minutes() == 7, name


@pytest.mark.parametrize(
    ("option", "value"),
    [("contexts", []), ("contexts", "home"), ("contexts", ["moon"]), ("things", []), ("things", ["all"])],
)
def test_an_empty_or_wrong_list_of_a_subscriber_is_refused(cdk_app: App, option: str, value: Any) -> None:
    stack = Stack(cdk_app, "Stack")
    alerts = FanoutNotification(stack, "Alerts", fleet=DeviceFleet(stack, "Fleet", app="talk", contexts=["home"]))
    with pytest.raises(InvalidOptionError) as refused:
        alerts.add_subscriber("One", **{option: value})
    assert refused.value.option == option


def test_rules_take_no_fifo_queue_or_topic(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    fifo = sqs.Queue(stack, "Fifo", fifo=True)
    with pytest.raises(InvalidOptionError, match="dead_letter_queue is FIFO"):
        TopicRule(stack, "A", sql=SQL, description="", dead_letter_queue=fifo)
    rule = TopicRule(stack, "B", sql=SQL, description="")
    with pytest.raises(InvalidOptionError, match="queue is FIFO"):
        rule.add_queue(fifo)
    with pytest.raises(InvalidOptionError, match="topic is FIFO"):
        rule.add_topic(sns.Topic(stack, "FifoTopic", fifo=True))


def test_what_an_add_method_added_is_returned(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    rule = TopicRule(stack, "Rule", sql=SQL, description="")
    action = rule.add_stream(kinesis.Stream(stack, "Stream"), partition_key="${topic(4)}")
    assert action.kinesis is not None
    fleet = DeviceFleet(stack, "Fleet", app="talk", contexts=["home"])
    arn = "arn:aws:iot:us-east-1:111122223333:cert/1234"
    claim = fleet.add_claim_certificate("Line", certificate_arn=arn)
    assert (claim.certificate_arn, claim.certificate) == (arn, None)


def test_options_of_new_resources_beside_existing_ones_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    fleet = DeviceFleet(stack, "Fleet", app="talk", contexts=["home"])
    table = dynamodb.Table.from_table_name(stack, "List", "list")
    stream = kinesis.Stream(stack, "Stream")
    fanout, key = SnsSqsFanout(stack, "Fanout"), kms.Key(stack, "Key")
    gone = RemovalPolicy.DESTROY
    for build in (
        lambda: DeviceFleet(stack, "A", app="talk", contexts=["home"], table=table, removal_policy=gone),
        lambda: PointToPoint(stack, "B", fleet=fleet, table=table, removal_policy=gone),
        lambda: Aggregation(stack, "C", fleet=fleet, stream=stream, removal_policy=gone),
        lambda: FanoutNotification(stack, "D", fleet=fleet, fanout=fanout, removal_policy=gone),
    ):
        with pytest.raises(InvalidOptionError, match="removal_policy was given together with"):
            build()
    with pytest.raises(InvalidOptionError, match="encryption_key was given together with fanout"):
        FanoutNotification(stack, "E", fleet=fleet, fanout=fanout, encryption_key=key)


def test_resources_of_another_region_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack", env=Environment(region="eu-west-1"))
    there = "arn:aws:%s:us-east-1:111122223333:%s"
    topic = sns.Topic.from_topic_arn(stack, "Topic", there % ("sns", "alarms"))
    table = dynamodb.TableV2.from_table_arn(stack, "Table", there % ("dynamodb", "table/list"))
    stream = kinesis.Stream.from_stream_arn(stack, "Stream", there % ("kinesis", "stream/one"))
    queue = sqs.Queue.from_queue_arn(stack, "Queue", there % ("sqs", "failed"))
    fleet = DeviceFleet(stack, "Fleet", app="talk", contexts=["home"])
    for build in (
        lambda: DeviceFleet(stack, "A", app="talk", contexts=["home"], table=table),
        lambda: DeviceFleet(stack, "B", app="talk", contexts=["home"], alarm_topic=topic),
        lambda: PointToPoint(stack, "C", fleet=fleet, table=table),
        lambda: PointToPoint(stack, "D", fleet=fleet, alarm_topic=topic),
        lambda: Broadcast(stack, "E", fleet=fleet, alarm_topic=topic),
        lambda: Aggregation(stack, "F", fleet=fleet, stream=stream),
        lambda: FanoutNotification(stack, "G", fleet=fleet, alarm_topic=topic),
        lambda: TopicRule(stack, "H", sql=SQL, description="", dead_letter_queue=queue),
        lambda: IotAccountSettings(stack, "I", alarm_topic=topic),
    ):
        with pytest.raises(InvalidOptionError, match="is in us-east-1, but the stack is in eu-west-1"):
            build()


def test_routes_without_an_authorizer_or_with_a_wrong_path_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    commands = PointToPoint(stack, "Commands", fleet=DeviceFleet(stack, "Fleet", app="talk", contexts=["home"]))
    api = apigatewayv2.HttpApi(stack, "Api")
    with pytest.raises(InvalidOptionError, match="authorizer"):
        commands.add_routes(api)
    for path in ("fleet", "", "/{fleet}"):
        with pytest.raises(InvalidOptionError, match="path"):
            commands.add_routes(api, path=path)
