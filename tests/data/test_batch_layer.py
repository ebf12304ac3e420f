"""What BatchLayer promises in its templates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import BatchLayer, InvalidOptionError, SpeedLayer
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.data._records import ABOUT
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.batch_layer import build as example
from tests.resources import statements

READER = Path(__file__).parents[2] / "docs/examples/minutes_of_a_thing"
COLUMNS = {"temperature": "double", "count": "int", "moved": "boolean"}
BUCKET_ARN = "arn:aws:s3:::existing"


def reader(stack: Stack) -> lambda_.Function:
    return add_function(stack, "Reader", handler=READER, description="Reads", invocation=Invocation.REQUEST)


@architecture
def defaults(stack: Stack) -> BatchLayer:
    return BatchLayer(stack, "Batch", columns={"temperature": "double"})


@architecture
def all_options(stack: Stack) -> BatchLayer:
    layer = BatchLayer(
        stack,
        "Batch",
        columns=COLUMNS,  # type: ignore[arg-type]  # a literal elsewhere
        buffering=Duration.minutes(15),
        scan_limit_mb=100,
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    layer.share_with(reader(stack))
    layer.grant_put(iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()))
    layer.grant_read(iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal()))
    sql = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'dt/home/+/+/+'"
    layer.add_rule(TopicRule(stack, "Telemetry", sql=sql, description="Telemetry into the batch layer"))
    return layer


@architecture
def existing_resources(stack: Stack) -> BatchLayer:
    layer = BatchLayer(
        stack,
        "Batch",
        columns={"temperature": "double"},
        bucket=s3.Bucket.from_bucket_attributes(
            stack,
            "Bucket",
            bucket_arn=BUCKET_ARN,
            encryption_key=kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/1"),
        ),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )
    layer.share_with(reader(stack))
    return layer


@architecture
def reading_a_stream(stack: Stack) -> BatchLayer:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    speed = SpeedLayer(stack, "Speed", measures=["temperature"], alarm_topic=alarms)
    layer = BatchLayer(stack, "Batch", columns={"temperature": "double"}, stream=speed.stream, alarm_topic=alarms)
    layer.share_with(reader(stack))
    return layer


@architecture
def taking_gathered_records(stack: Stack) -> BatchLayer:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    speed = SpeedLayer(stack, "Speed", measures=["temperature"], windows=False, alarm_topic=alarms)
    return BatchLayer(
        stack,
        "Batch",
        columns={"temperature": "double"},
        stream=speed.stream,
        gathered=True,
        alarm_topic=alarms,
    )


@architecture
def reading_an_encrypted_stream(stack: Stack) -> BatchLayer:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    speed = SpeedLayer(stack, "Speed", measures=["temperature"], encryption_key=key)
    return BatchLayer(stack, "Batch", columns={"temperature": "double"}, stream=speed.stream)


@architecture
def one_key_for_all(stack: Stack) -> BatchLayer:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    layer = BatchLayer(stack, "Batch", columns={"temperature": "double"}, encryption_key=key)
    assert layer.encryption_key is key
    layer.share_with(reader(stack))
    return layer


@architecture
def two_in_one_stack(stack: Stack) -> list[BatchLayer]:
    home, factory = (BatchLayer(stack, name, columns={"temperature": "double"}) for name in ("Home", "Factory"))
    function = reader(stack)
    home.share_with(function)
    factory.share_with(function, variable="FACTORY")
    return [home, factory]


@architecture
def inside_a_stage(app: App) -> BatchLayer:
    return defaults(Stack(Stage(app, "BatchStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources, taking_gathered_records]
EVERY = [
    *MAIN,
    reading_a_stream,
    reading_an_encrypted_stream,
    one_key_for_all,
    two_in_one_stack,
    inside_a_stage,
]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(BatchLayer, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__module__ + build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_documented_example_synthesises(synthesis: Synthesis) -> None:
    built = synthesis(example)
    layers = [layer["Properties"]["Description"] for layer in built.resources("AWS::Lambda::LayerVersion").values()]
    assert len([layer for layer in layers if "telemetry_view" in layer]) == 1  # both layers share one module
    assert len(built.resources("AWS::Athena::NamedQuery")) == 2


def one(built: Any, resource_type: str) -> dict[str, Any]:
    ((_, resource),) = built.resources(resource_type).items()
    return resource["Properties"]  # type: ignore[no-any-return]


def destination(built: Any) -> dict[str, Any]:
    stream = one(built, "AWS::KinesisFirehose::DeliveryStream")
    assert stream["DeliveryStreamEncryptionConfigurationInput"] == {"KeyType": "AWS_OWNED_CMK"}
    return stream["ExtendedS3DestinationConfiguration"]  # type: ignore[no-any-return]


def test_records_are_gathered_converted_and_filed_by_hour_and_failures_apart(synthesis: Synthesis) -> None:
    settings = destination(synthesis(all_options))
    assert settings["BufferingHints"] == {"IntervalInSeconds": 900, "SizeInMBs": 128}
    assert settings["Prefix"] == "telemetry/hour=!{timestamp:yyyy-MM-dd-HH}/"
    assert settings["ErrorOutputPrefix"] == "errors/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/"
    conversion = settings["DataFormatConversionConfiguration"]
    assert conversion["OutputFormatConfiguration"] == {"Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}}
    assert conversion["SchemaConfiguration"]["TableName"] == "telemetry"
    # Firehose refuses a compression beside a conversion.
    assert settings["CompressionFormat"] == "UNCOMPRESSED"
    assert settings["CloudWatchLoggingOptions"]["Enabled"] is True


def test_template_has_no_address_ranges_that_nothing_uses(synthesis: Synthesis) -> None:
    # The CDK adds them, 200 lines, with its own class of delivery streams, and warns of them at every synthesis.
    assert not synthesis(all_options).template.find_mappings("*")


@architecture
def given_to_another_construct(stack: Stack) -> BatchLayer:
    layer = BatchLayer(stack, "Batch", columns={"temperature": "double"})
    layer.delivery_stream.grant_put_records(iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal()))
    assert layer.delivery_stream is layer.delivery_stream
    return layer


def test_the_delivery_stream_is_one_of_the_cdk_for_other_constructs(synthesis: Synthesis) -> None:
    built = synthesis(given_to_another_construct)
    ((made, _),) = built.resources("AWS::KinesisFirehose::DeliveryStream").items()
    [granted] = statements(built, "Producer")
    assert granted["Resource"] == {"Fn::GetAtt": [made, "Arn"]}


def test_table_knows_where_each_hour_is(synthesis: Synthesis) -> None:
    table = one(synthesis(all_options), "AWS::Glue::Table")["TableInput"]
    assert {key: value for key, value in table["Parameters"].items() if key.startswith("projection")} == {
        "projection.enabled": "true",
        "projection.hour.type": "date",
        "projection.hour.format": "yyyy-MM-dd-HH",
        "projection.hour.range": "NOW-10YEARS,NOW",
        "projection.hour.interval": "1",
        "projection.hour.interval.unit": "HOURS",
    }
    assert table["Parameters"]["storage.location.template"]["Fn::Join"][1][2] == "/telemetry/hour=${hour}/"
    columns = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert columns == {
        "message_id": "string",
        "at": "bigint",
        "thing": "string",
        "context": "string",
        "type": "string",
        **COLUMNS,
    }


def test_queries_are_bounded_and_their_results_encrypted_whatever_the_client_says(synthesis: Synthesis) -> None:
    settings = one(synthesis(all_options), "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == 100_000_000
    assert settings["ResultConfiguration"]["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    existing = one(synthesis(existing_resources), "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]
    assert existing["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def test_firehose_puts_records_and_errors_and_reads_the_schema(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    by_action = {action: statement for statement in statements(built, "BatchDelivery") for action in actions(statement)}
    assert set(by_action) == {
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:GetBucketLocation",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "glue:GetTable",
        "glue:GetTableVersion",
        "glue:GetTableVersions",
        "logs:PutLogEvents",
    }
    prefixes = {arn["Fn::Join"][1][1] for arn in by_action["s3:PutObject"]["Resource"]}
    assert prefixes == {"/telemetry/*", "/errors/*"}
    # The group's own ARN ends with ":*", and an ARN of a stream behind that matches none.
    *_, group, between, stream = by_action["logs:PutLogEvents"]["Resource"]["Fn::Join"][1]
    assert (group.keys(), between, stream.keys()) == ({"Ref"}, ":log-stream:", {"Ref"})


def test_reader_queries_here_only(synthesis: Synthesis) -> None:
    found = statements(synthesis(all_options), "ReaderRole")
    anywhere = [action for statement in found if statement["Resource"] == "*" for action in actions(statement)]
    assert anywhere == ["cloudwatch:GetMetricStatistics"]
    writes = [statement for statement in found if "s3:PutObject" in actions(statement)]
    assert writes[0]["Resource"]["Fn::Join"][1][1] == "/queries/*"


def test_analyst_queries_here_and_reads_no_metrics(synthesis: Synthesis) -> None:
    found = statements(synthesis(all_options), "Analyst")
    assert {action.partition(":")[0] for each in found for action in actions(each)} == {"athena", "glue", "s3"}
    assert not any(each["Resource"] == "*" for each in found)
    written = [each["Resource"] for each in found if "s3:PutObject" in actions(each)]
    assert [resource["Fn::Join"][1][1] for resource in written] == ["/queries/*"]


def test_one_key_encrypts_all_that_is_made_and_readers_may_use_it(synthesis: Synthesis) -> None:
    built = synthesis(one_key_for_all)
    ((key, _),) = built.resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    stream = one(built, "AWS::KinesisFirehose::DeliveryStream")["DeliveryStreamEncryptionConfigurationInput"]
    assert stream == {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": arn}
    buckets = built.resources("AWS::S3::Bucket")
    (bucket,) = (each["Properties"] for name, each in buckets.items() if name.startswith("Batch"))
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    results = one(built, "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"]
    assert results["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": arn}
    groups = built.resources("AWS::Logs::LogGroup")
    (group,) = (each["Properties"] for name, each in groups.items() if name.startswith("Batch"))
    assert group["KmsKeyId"] == arn
    for role in ("ReaderRole", "BatchDelivery"):
        used = {action for each in statements(built, role) for action in actions(each) if action.startswith("kms:")}
        assert used == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_reader_is_told_the_names_and_which_columns_are_numbers(synthesis: Synthesis) -> None:
    function = next(
        resource["Properties"]
        for name, resource in synthesis(all_options).resources("AWS::Lambda::Function").items()
        if name.startswith("Reader")
    )
    written = function["Environment"]["Variables"]["BATCH_LAYER"]["Fn::Join"][1]
    settings = json.loads("".join(part if isinstance(part, str) else "x" for part in written))
    assert settings["measures"] == ["temperature", "count"]
    assert set(settings) == {"database", "table", "workgroup", "delivery_stream", "measures"}


def test_lateness_refusals_and_what_does_not_fit_alarm(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm")
    watched = {name[:-8]: alarm["Properties"] for name, alarm in alarms.items()}
    assert {name: alarm["MetricName"] for name, alarm in watched.items()} == {
        "BatchFreshnessAlarm": "DeliveryToS3.DataFreshness",
        "BatchUnconvertedAlarm": "FailedConversion.Records",
        "BatchThrottledAlarm": "ThrottledRecords",
    }
    assert watched["BatchFreshnessAlarm"]["Threshold"] == 900 + 600
    assert watched["BatchUnconvertedAlarm"]["Threshold"] == 1


def test_stream_is_read_and_nothing_is_put(synthesis: Synthesis) -> None:
    built = synthesis(reading_a_stream)
    ((source, _),) = built.resources("AWS::Kinesis::Stream").items()
    ((_, delivery),) = built.resources("AWS::KinesisFirehose::DeliveryStream").items()
    settings = delivery["Properties"]
    assert settings["DeliveryStreamType"] == "KinesisStreamAsSource"
    assert settings["KinesisStreamSourceConfiguration"]["KinesisStreamARN"] == {"Fn::GetAtt": [source, "Arn"]}
    # AWS refuses it beside a stream that is read.
    assert "DeliveryStreamEncryptionConfigurationInput" not in settings
    # What a replaced delivery stream gathered is delivered, and not lost with it.
    assert delivery["UpdateReplacePolicy"] == "Retain"
    alarms = {name[:-8] for name in built.resources("AWS::CloudWatch::Alarm") if name.startswith("Batch")}
    assert alarms == {"BatchFreshnessAlarm", "BatchUnconvertedAlarm", "BatchBehindAlarm"}
    ((_, ordinary),) = synthesis(defaults).resources("AWS::KinesisFirehose::DeliveryStream").items()
    assert (ordinary["Properties"]["DeliveryStreamType"], "UpdateReplacePolicy" in ordinary) == ("DirectPut", False)


def test_firehose_may_read_that_stream_only_and_decrypt_what_is_encrypted(synthesis: Synthesis) -> None:
    for build, key_actions in ((reading_a_stream, set()), (reading_an_encrypted_stream, {"kms:Decrypt"})):
        built = synthesis(build)
        ((source, _),) = built.resources("AWS::Kinesis::Stream").items()
        found = statements(built, "BatchDelivery")
        (reading,) = (each for each in found if any(action.startswith("kinesis:") for action in actions(each)))
        assert actions(reading) == [
            "kinesis:DescribeStream",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
        ]
        assert reading["Resource"] == {"Fn::GetAtt": [source, "Arn"]}
        assert {action for each in found for action in actions(each) if action.startswith("kms:")} == key_actions


def test_reader_of_a_layer_that_reads_a_stream_knows_it(synthesis: Synthesis) -> None:
    functions = synthesis(reading_a_stream).resources("AWS::Lambda::Function").items()
    (variables,) = (each["Properties"]["Environment"]["Variables"] for name, each in functions if "Reader" in name)
    assert '"source": "stream"' in str(variables["BATCH_LAYER"])


def test_nothing_is_put_beside_a_stream_that_is_read(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Refused")
    layer = reading_a_stream(stack)
    rule = TopicRule(stack, "Telemetry", sql="SELECT * FROM 'a'", description="Telemetry")
    producer = iam.Role(stack, "Producer", assumed_by=iam.AccountRootPrincipal())
    refused = r"stream is where all records come from\. Put records into that stream only"
    with pytest.raises(InvalidOptionError, match=refused):
        layer.add_rule(rule)
    with pytest.raises(InvalidOptionError, match=refused):
        layer.grant_put(producer)


def test_log_of_deliveries_ends_and_follows_the_removal_policy(synthesis: Synthesis) -> None:
    groups = synthesis(all_options).resources("AWS::Logs::LogGroup")
    (group,) = (each for name, each in groups.items() if name.startswith("Batch"))
    assert (group["Properties"]["RetentionInDays"], group["DeletionPolicy"]) == (7, "Delete")


def test_alarms_are_listed(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Alarmed")
    layer = BatchLayer(stack, "Batch", columns={"a": "int"}, alarm_topic=sns.Topic(stack, "Alarms"))
    assert sorted(alarm.node.id for alarm in layer.alarms) == ["FreshnessAlarm", "ThrottledAlarm", "UnconvertedAlarm"]


def test_rule_ends_each_record_with_a_line_end(synthesis: Synthesis) -> None:
    (action,) = one(synthesis(all_options), "AWS::IoT::TopicRule")["TopicRulePayload"]["Actions"]
    assert action["Firehose"]["Separator"] == "\n"


def test_records_outlive_the_stack_and_results_do_not(synthesis: Synthesis) -> None:
    ((_, bucket),) = (
        (name, resource)
        for name, resource in synthesis(defaults).resources("AWS::S3::Bucket").items()
        if name.startswith("Batch")
    )
    assert bucket["DeletionPolicy"] == "Retain"
    expiring = [rule for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    assert [(rule["Prefix"], rule["ExpirationInDays"]) for rule in expiring] == [("queries/", 7)]


def test_two_layers_have_names_of_their_own(synthesis: Synthesis) -> None:
    built = synthesis(two_in_one_stack)
    databases = built.resources("AWS::Glue::Database").values()
    assert len({database["Properties"]["DatabaseInput"]["Name"] for database in databases}) == 2


def test_metrics_name_the_delivery_stream(cdk_app: App) -> None:
    layer = BatchLayer(Stack(cdk_app, "Metrics"), "Batch", columns={"temperature": "double"})
    assert layer.metric_lag().metric_name == "DeliveryToS3.DataFreshness"
    assert layer.metric_behind().metric_name == "KinesisMillisBehindLatest"
    assert layer.metric_rejected(period=Duration.minutes(1)).period.to_minutes() == 1
    assert layer.alarms == []


def _layer(**options: Any) -> Callable[[Stack], object]:
    return lambda stack: BatchLayer(stack, "Batch", **({"columns": {"temperature": "double"}} | options))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_layer(columns=["temperature"]), r"columns is \['temperature'\]. Give a mapping"),
        (_layer(columns={}), "columns is {}"),
        (
            _layer(columns={"temperature": "float8"}),
            "columns contains 'float8' for 'temperature'. Use one of \"bigint\"",
        ),
        (_layer(columns={"Temperature": "double"}), "columns contains 'Temperature'"),
        (_layer(columns={"thing": "string"}), "columns contains 'thing', which has a meaning"),
        (_layer(buffering=Duration.seconds(59)), "buffering is 59 seconds. Use 1 minute to 15 minutes"),
        (_layer(buffering=Duration.minutes(16)), "buffering is 16 minutes"),
        (_layer(scan_limit_mb=9), "scan_limit_mb is 9 MB. Use 10 to"),
        (
            lambda stack: _layer(
                bucket=s3.Bucket.from_bucket_arn(stack, "Bucket", BUCKET_ARN), removal_policy=RemovalPolicy.DESTROY
            )(stack),
            "removal_policy was given together with bucket",
        ),
    ],
)
def test_bad_input_is_refused_where_it_is_given(cdk_app: App, build: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        build(Stack(cdk_app, "Refused"))


def test_resource_of_another_region_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Regional", env=Environment(account="111122223333", region="us-east-1"))
    topic = sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:eu-west-1:111122223333:alarms")
    with pytest.raises(InvalidOptionError, match="alarm_topic is in eu-west-1, but the stack is in us-east-1"):
        BatchLayer(stack, "Batch", columns={"temperature": "double"}, alarm_topic=topic)


def _processor(built: Any) -> dict[str, str]:
    stream = one(built, "AWS::KinesisFirehose::DeliveryStream")
    processing = stream["ExtendedS3DestinationConfiguration"]["ProcessingConfiguration"]
    assert processing["Enabled"] is True
    (processor,) = processing["Processors"]
    assert processor["Type"] == "Lambda"
    return {each["ParameterName"]: each["ParameterValue"] for each in processor["Parameters"]}


def test_gathered_records_are_split_before_they_are_converted(synthesis: Synthesis) -> None:
    built = synthesis(taking_gathered_records)
    (function_id,) = [name for name in built.template.find_resources("AWS::Lambda::Function") if "Splitting" in name]
    parameters = _processor(built)
    assert parameters["LambdaArn"] == {"Fn::GetAtt": [function_id, "Arn"]}
    # Eight times as much still fits into an answer of Lambda, in base64.
    assert float(parameters["BufferSizeInMBs"]) * 8 * 4 / 3 < 6
    function = built.template.find_resources("AWS::Lambda::Function")[function_id]["Properties"]
    variables = function["Environment"]["Variables"]
    assert json.loads(variables["COLUMNS"]) == {**ABOUT, "temperature": "double"}
    assert "ProcessingConfiguration" not in destination(synthesis(defaults))


def test_firehose_may_invoke_that_function_and_it_may_put_what_does_not_fit_and_nothing_else(
    synthesis: Synthesis,
) -> None:
    built = synthesis(taking_gathered_records)
    statements = [
        (name, statement)
        for name, policy in built.template.find_resources("AWS::IAM::Policy").items()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    (invoking,) = [statement for _, statement in statements if "lambda:InvokeFunction" in actions(statement)]
    assert "SplittingFunction" in json.dumps(invoking["Resource"])
    assert "*" not in json.dumps(invoking["Resource"])
    of_function = [statement for name, statement in statements if "SplittingFunction" in name]
    putting = [statement for statement in of_function if "s3:PutObject" in actions(statement)]
    assert [actions(statement) for statement in putting] == [["s3:PutObject"]]
    assert "/errors/measurements/*" in json.dumps(putting[0]["Resource"])
    allowed = {action for statement in of_function for action in actions(statement)}
    assert allowed <= {"s3:PutObject", "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords"} | {
        "xray:PutTraceSegments",
    }


def test_what_the_function_rejects_counts_and_its_failures_alarm(synthesis: Synthesis) -> None:
    built = synthesis(taking_gathered_records)
    alarms = {
        name: alarm["Properties"] for name, alarm in built.template.find_resources("AWS::CloudWatch::Alarm").items()
    }
    (unconverted,) = [alarm for name, alarm in alarms.items() if "Unconverted" in name]
    metrics = {one["MetricStat"]["Metric"]["MetricName"] for one in unconverted["Metrics"] if "MetricStat" in one}
    assert metrics == {"FailedConversion.Records", "RejectedRecords"}
    (failing,) = [alarm for name, alarm in alarms.items() if "SplittingAlarm" in name]
    assert (failing["MetricName"], failing["ComparisonOperator"]) == ("ExecuteProcessing.Success", "LessThanThreshold")
    assert failing["TreatMissingData"] == "notBreaching"
