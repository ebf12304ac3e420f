"""What SpeedLayer promises in its templates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, SpeedLayer, TableCapacity
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.assets import handler_folder
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.speed_layer import build as example

READER = Path(__file__).parents[2] / "docs/examples/minutes_of_a_thing"
STREAM_ARN = "arn:aws:kinesis:us-east-1:111122223333:stream/existing"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/existing"
TOPIC_ARN = "arn:aws:sns:us-east-1:111122223333:existing"


def reader(stack: Stack) -> lambda_.Function:
    return add_function(stack, "Reader", handler=READER, description="Reads", invocation=Invocation.REQUEST)


@architecture
def defaults(stack: Stack) -> SpeedLayer:
    return SpeedLayer(stack, "Speed", measures=["temperature"])


@architecture
def all_options(stack: Stack) -> SpeedLayer:
    layer = SpeedLayer(
        stack,
        "Speed",
        measures=["temperature", "humidity"],
        window_retention=Duration.days(7),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    layer.add_threshold("TooHot", measure="temperature", above=30, recovers_at=28)
    layer.add_threshold("TooDry", measure="humidity", below=20)
    layer.share_with(reader(stack))
    layer.grant_put(iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()))
    layer.grant_read(iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal()))
    sql = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'dt/home/+/+/+'"
    layer.add_rule(TopicRule(stack, "Telemetry", sql=sql, description="Telemetry into the speed layer"))
    return layer


@architecture
def existing_resources(stack: Stack) -> SpeedLayer:
    layer = SpeedLayer(
        stack,
        "Speed",
        measures=["temperature"],
        stream=kinesis.Stream.from_stream_arn(stack, "Stream", STREAM_ARN),
        table=dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN),
        topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", TOPIC_ARN),
    )
    layer.share_with(reader(stack))
    return layer


@architecture
def without_windows(stack: Stack) -> SpeedLayer:
    layer = SpeedLayer(stack, "Speed", measures=["temperature"], windows=False)
    layer.add_threshold("TooHot", measure="temperature", above=30, recovers_at=28)
    layer.share_with(reader(stack))
    return layer


@architecture
def long_windows(stack: Stack) -> SpeedLayer:
    layer = SpeedLayer(stack, "Speed", measures=["temperature"], window_length=Duration.minutes(10))
    layer.share_with(reader(stack))
    return layer


@architecture
def provisioned(stack: Stack) -> SpeedLayer:
    capacity = TableCapacity(min_writes=200, max_writes=2_000, min_reads=40, max_reads=400)
    return SpeedLayer(stack, "Speed", measures=["temperature"], shards=5, table_capacity=capacity)


@architecture
def customer_keys(stack: Stack) -> SpeedLayer:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        encryption_key=key,
        time_to_live_attribute="expires_at",
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    stream = kinesis.Stream(stack, "Stream", encryption_key=key)
    acknowledge(stream, "AwsSolutions-KDS3", "The test uses a customer-managed key on purpose.")
    layer = SpeedLayer(
        stack,
        "Speed",
        measures=["temperature"],
        stream=stream,
        table=table,
        topic=sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True),
    )
    layer.grant_put(iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()))
    layer.share_with(reader(stack))
    return layer


@architecture
def one_key_for_all(stack: Stack) -> SpeedLayer:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    layer = SpeedLayer(stack, "Speed", measures=["temperature"], encryption_key=key)
    assert layer.encryption_key is key
    layer.grant_put(iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()))
    layer.share_with(reader(stack))
    return layer


@architecture
def two_in_one_stack(stack: Stack) -> list[SpeedLayer]:
    home, factory = (SpeedLayer(stack, name, measures=["temperature"]) for name in ("Home", "Factory"))
    function = reader(stack)
    home.share_with(function)
    factory.share_with(function, variable="FACTORY_TABLE")
    return [home, factory]


@architecture
def inside_a_stage(app: App) -> SpeedLayer:
    return defaults(Stack(Stage(app, "SpeedStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources]
EVERY = [*MAIN, without_windows, provisioned, customer_keys, one_key_for_all, two_in_one_stack, inside_a_stage, example]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(SpeedLayer, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__module__ + build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def one(built: Any, resource_type: str) -> dict[str, Any]:
    ((_, resource),) = built.resources(resource_type).items()
    return resource  # type: ignore[no-any-return]


def allowed(built: Any, role: str) -> dict[str, dict[str, Any]]:
    """Statements of a role by their first action."""
    return {
        (statement["Action"] if isinstance(statement["Action"], str) else statement["Action"][0]): statement
        for policy in built.resources("AWS::IAM::Policy").values()
        if any(attached["Ref"].startswith(role) for attached in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    }


def test_stream_scales_is_encrypted_and_remembers_a_week(synthesis: Synthesis) -> None:
    stream = one(synthesis(defaults), "AWS::Kinesis::Stream")
    assert stream["Properties"]["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["Properties"]["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stream["Properties"]["RetentionPeriodHours"] == 168
    assert stream["DeletionPolicy"] == "Retain"


def test_batches_are_bisected_failures_partial_and_what_is_given_up_has_a_place(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    mapping = one(built, "AWS::Lambda::EventSourceMapping")["Properties"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert 0 < mapping["MaximumRetryAttempts"] < 100
    queue = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    assert queue.startswith("SpeedDeadLetterQueue")
    places = allowed(built, "SpeedFunctionRole")["sqs:SendMessage"]["Resource"]
    assert {place["Fn::GetAtt"][0][:-8] for place in places} == {"SpeedErrorQueue", "SpeedDeadLetterQueue"}


def test_function_may_touch_things_only(synthesis: Synthesis) -> None:
    statements = allowed(synthesis(defaults), "SpeedFunctionRole")
    table = statements["dynamodb:BatchGetItem"]
    assert table["Action"] == ["dynamodb:BatchGetItem", "dynamodb:PutItem"]
    assert table["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["THING#*"]}}
    assert statements["sns:Publish"]["Resource"]["Ref"].startswith("SpeedAlertTopic")
    assert not any(statement["Resource"] == "*" for statement in statements.values())


def test_reader_only_reads(synthesis: Synthesis) -> None:
    statements = allowed(synthesis(all_options), "ReaderRole")
    assert statements["dynamodb:GetItem"]["Action"] == ["dynamodb:GetItem", "dynamodb:Query"]
    function = next(
        resource["Properties"]
        for name, resource in synthesis(all_options).resources("AWS::Lambda::Function").items()
        if name.startswith("Reader")
    )
    assert set(function["Environment"]["Variables"]) >= {"SPEED_TABLE"}
    assert len(function["Layers"]) == 2


def test_thresholds_reach_the_function(synthesis: Synthesis) -> None:
    variables = [
        resource["Properties"]["Environment"]["Variables"]
        for name, resource in synthesis(all_options).resources("AWS::Lambda::Function").items()
        if name.startswith("SpeedFunction")
    ]
    assert json.loads(variables[0]["THRESHOLDS"]) == [
        {"name": "TooHot", "measure": "temperature", "limit": 30, "above": True, "recovers_at": 28},
        {"name": "TooDry", "measure": "humidity", "limit": 20, "above": False, "recovers_at": 20},
    ]
    assert json.loads(variables[0]["MEASURES"]) == ["temperature", "humidity"]
    assert variables[0]["WINDOW_RETENTION_S"] == "604800"


def test_provisioned_capacity_of_stream_and_table_scales_where_it_can(synthesis: Synthesis) -> None:
    built = synthesis(provisioned)
    stream = one(built, "AWS::Kinesis::Stream")["Properties"]
    assert (stream["ShardCount"], stream["StreamModeDetails"]) == (5, {"StreamMode": "PROVISIONED"})
    table = one(built, "AWS::DynamoDB::GlobalTable")["Properties"]
    assert table["BillingMode"] == "PROVISIONED"
    writes = table["WriteProvisionedThroughputSettings"]["WriteCapacityAutoScalingSettings"]
    (replica,) = table["Replicas"]
    reads = replica["ReadProvisionedThroughputSettings"]["ReadCapacityAutoScalingSettings"]
    for settings, least, most in ((writes, 200, 2_000), (reads, 40, 400)):
        assert (settings["MinCapacity"], settings["MaxCapacity"], settings["SeedCapacity"]) == (least, most, least)
        assert settings["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70


def test_layer_without_windows_tells_its_function_and_its_readers(synthesis: Synthesis) -> None:
    functions = synthesis(without_windows).resources("AWS::Lambda::Function")
    own, read = (
        next(resource["Properties"] for name, resource in functions.items() if name.startswith(start))
        for start in ("SpeedFunction", "Reader")
    )
    assert "WINDOW_RETENTION_S" not in own["Environment"]["Variables"]
    assert own["Description"] == "Keeps the latest state of things"
    assert read["Environment"]["Variables"]["SPEED_TABLE_HAS_NO_WINDOWS"] == "true"
    others = synthesis(all_options).resources("AWS::Lambda::Function").values()
    variables = [set(function["Properties"].get("Environment", {}).get("Variables", ())) for function in others]
    assert not any("SPEED_TABLE_HAS_NO_WINDOWS" in names for names in variables)


def test_layer_with_longer_windows_tells_its_function_and_its_readers(synthesis: Synthesis) -> None:
    functions = synthesis(long_windows).resources("AWS::Lambda::Function")
    own, read = (
        next(resource["Properties"] for name, resource in functions.items() if name.startswith(start))
        for start in ("SpeedFunction", "Reader")
    )
    assert own["Environment"]["Variables"]["WINDOW_S"] == "600"
    assert own["Description"] == "Keeps the latest state and windows of 10 minutes of things"
    assert read["Environment"]["Variables"]["SPEED_TABLE_WINDOW_S"] == "600"


def test_windows_lapse_and_the_table_outlives_mistakes(synthesis: Synthesis) -> None:
    table = one(synthesis(defaults), "AWS::DynamoDB::GlobalTable")
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    (replica,) = table["Properties"]["Replicas"]
    assert replica["DeletionProtectionEnabled"] is True
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionPolicy"] == "Retain"


def test_every_place_for_failures_and_every_delay_alarms(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm")
    watched = {name[:-8]: alarm["Properties"].get("MetricName") for name, alarm in alarms.items()}
    assert watched == {
        "SpeedRejectedRecordsAlarm": None,
        "SpeedDeadLetterQueueAlarm": "ApproximateNumberOfMessagesVisible",
        "SpeedBehindAlarm": "IteratorAge",
        "SpeedThrottledAlarm": "WriteProvisionedThroughputExceeded",
    }
    behind = next(alarm for name, alarm in alarms.items() if name.startswith("SpeedBehind"))["Properties"]
    assert (behind["Threshold"], behind["EvaluationPeriods"]) == (300_000, 3)


def test_rejected_records_alarm_by_the_number_of_their_senders(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    rule = one(built, "AWS::CloudWatch::InsightRule")["Properties"]
    body = json.loads(
        "".join(part if isinstance(part, str) else part["Ref"] for part in rule["RuleBody"]["Fn::Join"][1])
    )
    assert body["Contribution"]["Keys"] == ["$.sender"]
    assert body["LogGroupNames"][0] in built.resources("AWS::Logs::LogGroup")
    # What the function logs, word for word.
    [condition] = body["Contribution"]["Filters"]
    handler = handler_folder("data/speed_layer") / "dead_letters.py"
    assert f'"{condition["In"][0]}"' in handler.read_text()
    [(name, alarm)] = [
        (name, resource)
        for name, resource in built.resources("AWS::CloudWatch::Alarm").items()
        if "RejectedRecords" in name
    ]
    [metric] = alarm["Properties"]["Metrics"]
    assert metric["Expression"] == f"INSIGHT_RULE_METRIC('{rule['RuleName']}', 'UniqueContributors')"
    assert (metric["Period"], alarm["Properties"]["Threshold"]) == (300, 3)
    assert alarm["DependsOn"], name


def test_rule_puts_by_thing(synthesis: Synthesis) -> None:
    rule = one(synthesis(all_options), "AWS::IoT::TopicRule")["Properties"]["TopicRulePayload"]
    (action,) = rule["Actions"]
    assert action["Kinesis"]["PartitionKey"] == "${topic(4)}"


def test_nothing_is_made_of_what_was_brought(synthesis: Synthesis) -> None:
    template = synthesis(existing_resources).template
    for made in ("AWS::Kinesis::Stream", "AWS::DynamoDB::GlobalTable", "AWS::SNS::Topic", "AWS::KMS::Key"):
        template.resource_count_is(made, 0)


@pytest.mark.parametrize("build", [customer_keys, one_key_for_all], ids=lambda build: build.__name__)
def test_customer_managed_keys_let_function_producer_and_reader_in(
    build: Callable[..., Any], synthesis: Synthesis
) -> None:
    built = synthesis(build)
    used = {
        role: {
            action
            for policy in built.resources("AWS::IAM::Policy").values()
            if any(attached["Ref"].startswith(role) for attached in policy["Properties"]["Roles"])
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
            if action.startswith("kms:")
        }
        for role in ("SpeedFunctionRole", "Producer", "ReaderRole")
    }
    assert {"kms:Decrypt", "kms:Encrypt"} <= used["SpeedFunctionRole"]
    assert used["Producer"] == {"kms:GenerateDataKey"}
    assert used["ReaderRole"] == {"kms:Decrypt"}


def test_one_key_encrypts_all_that_is_made(synthesis: Synthesis) -> None:
    built = synthesis(one_key_for_all)
    ((key, resource),) = built.resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    assert one(built, "AWS::Kinesis::Stream")["Properties"]["StreamEncryption"]["KeyId"] == arn
    assert one(built, "AWS::SNS::Topic")["Properties"]["KmsMasterKeyId"] in ({"Ref": key}, arn)
    (replica,) = one(built, "AWS::DynamoDB::GlobalTable")["Properties"]["Replicas"]
    assert replica["SSESpecification"]["KMSMasterKeyId"] == arn
    queues = built.resources("AWS::SQS::Queue").values()
    assert [queue["Properties"]["KmsMasterKeyId"] for queue in queues] == [arn, arn]
    groups = built.resources("AWS::Logs::LogGroup")
    assert next(group for name, group in groups.items() if name.startswith("Speed"))["Properties"]["KmsKeyId"] == arn
    services = {
        str(statement["Principal"].get("Service")) for statement in resource["Properties"]["KeyPolicy"]["Statement"]
    }
    assert any("logs." in service for service in services)


def test_thresholds_are_returned_and_alarms_are_listed(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Returned")
    layer = SpeedLayer(stack, "Speed", measures=["temperature"], alarm_topic=sns.Topic(stack, "Alarms"))
    threshold = layer.add_threshold("Cold", measure="temperature", below=5)
    assert (threshold.name, threshold.limit, threshold.above, threshold.recovers_at) == ("Cold", 5, False, 5)
    assert sorted(alarm.node.id for alarm in layer.alarms) == [
        "BehindAlarm",
        "DeadLetterQueueAlarm",
        "RejectedRecordsAlarm",
        "ThrottledAlarm",
    ]


def test_logs_end_and_follow_the_removal_policy(synthesis: Synthesis) -> None:
    groups = synthesis(all_options).resources("AWS::Logs::LogGroup")
    group = next(group for name, group in groups.items() if name.startswith("Speed"))
    assert (group["Properties"]["RetentionInDays"], group["DeletionPolicy"]) == (7, "Delete")


def test_metrics_name_the_function_and_the_queues(cdk_app: App) -> None:
    layer = SpeedLayer(Stack(cdk_app, "Metrics"), "Speed", measures=["temperature"])
    assert layer.metric_lag().metric_name == "IteratorAge"
    names = {metric().metric_name for metric in (layer.metric_rejected, layer.metric_duplicates)}
    assert names == {"RejectedRecords", "DuplicateRecords"}
    assert (layer.metric_rejected().dimensions or {})["service"] == "Function"
    assert layer.metric_too_late(period=Duration.minutes(1)).period.to_minutes() == 1
    for metric, queue in (
        (layer.metric_dead_letters(), layer.dead_letter_queue),
        (layer.metric_record_dead_letters(), layer.record_dead_letter_queue),
    ):
        assert metric.metric_name == "ApproximateNumberOfMessagesVisible"
        assert metric.dimensions == {"QueueName": queue.queue_name}


def _layer(**options: Any) -> Callable[[Stack], object]:
    return lambda stack: SpeedLayer(stack, "Speed", **({"measures": ["temperature"]} | options))


def _threshold(name: str = "TooHot", **options: Any) -> Callable[[Stack], object]:
    limits = {"measure": "temperature", "above": 30} | options
    return lambda stack: SpeedLayer(stack, "Speed", measures=["temperature"]).add_threshold(name, **limits)


def _repeated(stack: Stack) -> None:
    layer = SpeedLayer(stack, "Speed", measures=["temperature"])
    for _ in range(2):
        layer.add_threshold("TooHot", measure="temperature", above=30)


def _many(stack: Stack) -> None:
    layer = SpeedLayer(stack, "Speed", measures=["temperature"])
    for number in range(50):
        layer.add_threshold(f"Threshold{number}", measure="temperature", above=30)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_layer(measures="temperature"), "measures is 'temperature'. Give a list"),
        (_layer(measures=[]), r"measures is \[\]"),
        (_layer(measures=["Temperature"]), "measures contains 'Temperature'. Use lower-case"),
        (_layer(measures=["at"]), "measures contains 'at', which has a meaning"),
        (_layer(measures=["hour"]), "measures contains 'hour', which has a meaning"),
        (_layer(measures=["a", "a"]), "measures contains 'a' twice"),
        (_layer(alarming_senders=0), "alarming_senders is 0 senders. Use 1 to 10,000"),
        (_layer(window_retention=Duration.minutes(59)), "window_retention is 59 minutes. Use 1 hour to 30 days"),
        (_layer(window_retention=Duration.days(31)), "window_retention is 31 days. Use 1 hour to 30 days"),
        (_layer(shards=0), "shards is 0 shards. Use 1 to 20,000"),
        (
            lambda _: TableCapacity(min_writes=0, max_writes=9, min_reads=1, max_reads=9),
            "TableCapacity: min_writes is 0 units. Use 1 to",
        ),
        (
            lambda _: TableCapacity(min_writes=1, max_writes=9, min_reads=10, max_reads=9),
            "TableCapacity: max_reads is 9 units. Use 10 to",
        ),
        (
            lambda stack: _layer(stream=kinesis.Stream.from_stream_arn(stack, "Stream", STREAM_ARN), shards=2)(stack),
            "shards was given together with stream",
        ),
        (
            _layer(window_length=Duration.minutes(7)),
            "window_length is 7 minutes. Use 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes",
        ),
        (_layer(window_length=Duration.seconds(90)), "window_length is 90 seconds"),
        (_layer(window_length=Duration.hours(2)), "window_length is 2 hours. Use 1 minute to 1 hour"),
        (
            _layer(window_length=Duration.hours(1), window_retention=Duration.minutes(90)),
            "window_retention is 90 minutes. Use 2 hours to 30 days",
        ),
        (
            _layer(windows=False, window_length=Duration.minutes(10)),
            "window_length was given together with windows=False. Leave out window_length",
        ),
        (
            _layer(windows=False, window_retention=Duration.days(2)),
            "window_retention was given together with windows=False. Leave out window_retention",
        ),
        (
            lambda stack: _layer(
                stream=kinesis.Stream.from_stream_arn(stack, "Stream", STREAM_ARN),
                table=dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN),
                removal_policy=RemovalPolicy.DESTROY,
            )(stack),
            "removal_policy was given together with stream",
        ),
        (_threshold(""), "name is ''"),
        (_repeated, "name is 'TooHot'. Give each threshold a name of its own"),
        (_threshold(measure="pressure"), "Speed/TooHot: measure is 'pressure'. Use one of temperature"),
        (_threshold(below=1), "above was given together with below"),
        (_threshold(above=None), "above is missing, as below is"),
        (_threshold(recovers_at=31), "recovers_at is 31. Use 30 or a value below it"),
        (_threshold(above=None, below=10, recovers_at=9), "recovers_at is 9. Use 10 or a value above it"),
        (_many, "the thresholds have 3,071 bytes. Use at most 3,000 bytes"),
    ],
)
def test_bad_input_is_refused_where_it_is_given(cdk_app: App, build: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        build(Stack(cdk_app, "Refused"))


def test_resource_of_another_region_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Regional", env=Environment(account="111122223333", region="us-east-1"))
    topic = sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:eu-west-1:111122223333:alarms")
    with pytest.raises(InvalidOptionError, match="alarm_topic is in eu-west-1, but the stack is in us-east-1"):
        SpeedLayer(stack, "Speed", measures=["temperature"], alarm_topic=topic)
