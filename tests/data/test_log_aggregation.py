"""What LogAggregation promises in its templates."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, LogAggregation, StateSharing
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.log_aggregation import build as example
from tests.resources import statements


def log_group(scope: Stack, name: str, **options: Any) -> logs.LogGroup:
    return logs.LogGroup(scope, name, **options)


@architecture
def defaults(stack: Stack) -> LogAggregation:
    aggregation = LogAggregation(stack, "Logs")
    aggregation.add_log_group(log_group(stack, "Orders"), service="orders")
    return aggregation


@architecture
def all_options(stack: Stack) -> LogAggregation:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    aggregation = LogAggregation(
        stack,
        "Logs",
        buffering=Duration.minutes(15),
        expiration=Duration.days(100),
        scan_limit_mb=100,
        encryption_key=key,
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    errors = logs.FilterPattern.any_term("ERROR")
    aggregation.add_log_group(log_group(stack, "Orders"), service="orders", filter_pattern=errors)
    log_group(stack, "Audit")
    log_group(stack, "Access")
    aggregation.add_log_groups(stack, service="platform")
    aggregation.grant_read(iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal()))
    return aggregation


@architecture
def existing_resources(stack: Stack) -> LogAggregation:
    aggregation = LogAggregation(
        stack,
        "Logs",
        bucket=s3.Bucket.from_bucket_attributes(
            stack,
            "Bucket",
            bucket_arn="arn:aws:s3:::existing",
            encryption_key=kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/1"),
        ),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )
    existing = logs.LogGroup.from_log_group_name(stack, "Existing", "/aws/lambda/existing")
    aggregation.add_log_group(existing, service="existing")
    return aggregation


@architecture
def services_of_other_stacks(app: App) -> dict[str, Stack]:
    platform, orders = Stack(app, "LogPlatform"), Stack(app, "LogOrders")
    aggregation = LogAggregation(platform, "Logs")
    log_group(orders, "Logs")
    aggregation.add_log_groups(orders, service="orders")
    return {"platform": platform, "orders": orders}


@architecture
def inside_a_stage(app: App) -> LogAggregation:
    return defaults(Stack(Stage(app, "LogStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(LogAggregation, synthesis(example))


@pytest.mark.parametrize(
    "build", [*MAIN, services_of_other_stacks, inside_a_stage], ids=lambda build: build.__module__ + build.__name__
)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def one(built: Any, resource_type: str) -> dict[str, Any]:
    ((_, resource),) = built.resources(resource_type).items()
    return resource["Properties"]  # type: ignore[no-any-return]


def destination(built: Any) -> dict[str, Any]:
    stream = one(built, "AWS::KinesisFirehose::DeliveryStream")
    return stream["ExtendedS3DestinationConfiguration"]  # type: ignore[no-any-return]


def test_lines_are_filed_by_service_and_day_and_failures_apart(synthesis: Synthesis) -> None:
    settings = destination(synthesis(all_options))
    assert settings["Prefix"] == "logs/service=!{partitionKeyFromLambda:service}/day=!{timestamp:yyyy-MM-dd}/"
    assert settings["ErrorOutputPrefix"] == "errors/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/"
    assert settings["DynamicPartitioningConfiguration"]["Enabled"] is True
    # Firehose asks for 64 MB at least where it partitions.
    assert settings["BufferingHints"] == {"IntervalInSeconds": 900, "SizeInMBs": 64}


def test_template_has_no_address_ranges_that_nothing_uses(synthesis: Synthesis) -> None:
    assert not synthesis(all_options).template.find_mappings("*")


def test_what_the_function_has_compressed_is_not_compressed_again(synthesis: Synthesis) -> None:
    settings = destination(synthesis(defaults))
    assert (settings["CompressionFormat"], settings["FileExtension"]) == ("UNCOMPRESSED", ".jsonl.gz")
    (processor,) = settings["ProcessingConfiguration"]["Processors"]
    parameters = {each["ParameterName"]: each["ParameterValue"] for each in processor["Parameters"]}
    assert (parameters["BufferSizeInMBs"], parameters["NumberOfRetries"]) == ("1", "3")


def test_table_knows_the_services_and_the_days_that_are_kept(synthesis: Synthesis) -> None:
    table = one(synthesis(all_options), "AWS::Glue::Table")["TableInput"]
    assert {key: value for key, value in table["Parameters"].items() if key.startswith("projection")} == {
        "projection.enabled": "true",
        "projection.service.type": "enum",
        "projection.service.values": "orders,platform",
        "projection.day.type": "date",
        "projection.day.format": "yyyy-MM-dd",
        "projection.day.range": "NOW-100DAYS,NOW",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
    }
    assert table["Parameters"]["storage.location.template"]["Fn::Join"][1][2] == "/logs/service=${service}/day=${day}/"
    assert [key["Name"] for key in table["PartitionKeys"]] == ["service", "day"]
    assert table["StorageDescriptor"]["SerdeInfo"] == {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}


def test_a_filter_is_named_after_its_service_and_every_log_group_but_its_own_is_found(synthesis: Synthesis) -> None:
    filters = [
        each["Properties"] for each in synthesis(all_options).resources("AWS::Logs::SubscriptionFilter").values()
    ]
    found = {(each["LogGroupName"]["Ref"][:-8], each["FilterName"], each["FilterPattern"]) for each in filters}
    assert found == {("Orders", "orders", '"ERROR"'), ("Audit", "platform", ""), ("Access", "platform", "")}


def test_a_filter_is_in_the_stack_of_its_log_group_which_needs_the_aggregation_and_not_the_other_way_round(
    synthesis: Synthesis,
) -> None:
    templates = synthesis(services_of_other_stacks).templates
    kinds = {one["Type"] for one in templates["LogOrders"]["Resources"].values()}
    assert kinds == {"AWS::Logs::LogGroup", "AWS::Logs::SubscriptionFilter"}
    assert "Fn::ImportValue" not in str(templates["LogPlatform"])


def test_cloudwatch_logs_may_put_into_this_stream_only_and_for_this_account_only(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    ((stream, _),) = built.resources("AWS::KinesisFirehose::DeliveryStream").items()
    roles = built.resources("AWS::IAM::Role")
    (role,) = (each["Properties"] for name, each in roles.items() if name.startswith("LogsSubscriptionRole"))
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["firehose:PutRecord", "firehose:PutRecordBatch"]
    assert statement["Resource"] == {"Fn::GetAtt": [stream, "Arn"]}
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "logs.amazonaws.com"}
    assert "aws:SourceArn" in trust["Condition"]["ArnLike"]


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def test_firehose_puts_lines_and_errors_and_invokes_one_function(synthesis: Synthesis) -> None:
    by_action = {
        action: statement
        for statement in statements(synthesis(defaults), "LogsDelivery")
        for action in actions(statement)
    }
    assert set(by_action) == {
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:GetBucketLocation",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "lambda:InvokeFunction",
        "logs:PutLogEvents",
    }
    assert {arn["Fn::Join"][1][1] for arn in by_action["s3:PutObject"]["Resource"]} == {"/logs/*", "/errors/*"}
    assert all("TransformFunction" in str(arn) for arn in by_action["lambda:InvokeFunction"]["Resource"])


def test_the_function_may_write_its_own_log_and_nothing_else(synthesis: Synthesis) -> None:
    found = statements(synthesis(defaults), "LogsTransformFunctionRole")
    assert {action for each in found for action in actions(each)} == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_an_analyst_reads_lines_and_writes_results(synthesis: Synthesis) -> None:
    found = statements(synthesis(example), "Analyst")
    reads = [each for each in found if "s3:GetObject" in actions(each)]
    assert {arn["Fn::Join"][1][1] for arn in reads[0]["Resource"]} == {"/logs/*", "/queries/*"}
    written = [each["Resource"] for each in found if "s3:PutObject" in actions(each)]
    assert [resource["Fn::Join"][1][1] for resource in written] == ["/queries/*"]
    assert not any(each["Resource"] == "*" for each in found)


def test_queries_are_bounded_and_their_results_encrypted(synthesis: Synthesis) -> None:
    settings = one(synthesis(all_options), "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == 100_000_000
    assert settings["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"


def rules(built: Any) -> dict[str, dict[str, Any]]:
    buckets = built.resources("AWS::S3::Bucket")
    (bucket,) = (each["Properties"] for name, each in buckets.items() if name.startswith("Logs"))
    return {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}


def test_lines_get_colder_and_end(synthesis: Synthesis) -> None:
    lines = rules(synthesis(defaults))["ExpireLogs"]
    assert (lines["Prefix"], lines["ExpirationInDays"]) == ("logs/", 365)
    assert lines["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]
    assert rules(synthesis(defaults))["ExpireErrors"]["ExpirationInDays"] == 365
    # 90 days of the colder class are billed in any case.
    assert "Transitions" not in rules(synthesis(all_options))["ExpireLogs"]


def test_one_key_encrypts_bucket_stream_results_and_logs(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    ((key, _),) = built.resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    stream = one(built, "AWS::KinesisFirehose::DeliveryStream")["DeliveryStreamEncryptionConfigurationInput"]
    assert stream == {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": arn}
    groups = built.resources("AWS::Logs::LogGroup")
    assert {each["Properties"].get("KmsKeyId") == arn for name, each in groups.items() if name.startswith("Logs")} == {
        True
    }
    for role in ("Analyst", "LogsDelivery"):
        used = {action for each in statements(built, role) for action in actions(each) if action.startswith("kms:")}
        assert used == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_everything_that_can_be_lost_has_an_alarm(synthesis: Synthesis) -> None:
    built = synthesis(example)
    alarms = {name[:-8]: each["Properties"] for name, each in built.resources("AWS::CloudWatch::Alarm").items()}
    own = {name: alarm["MetricName"] for name, alarm in alarms.items() if name.startswith("LogsF") or "Alarm" in name}
    assert sorted(own.values()) == [
        "DeliveryErrors",
        "DeliveryErrors",
        "DeliveryToS3.DataFreshness",
        "Errors",
        "RejectedRecords",
        "ThrottledRecords",
    ]
    assert len(built.result.alarms) == len(alarms) == 6
    lost = [alarm for alarm in alarms.values() if alarm["MetricName"] == "DeliveryErrors"]
    names = [{each["Name"]: each["Value"] for each in alarm["Dimensions"]} for alarm in lost]
    assert sorted(each["FilterName"] for each in names) == ["billing", "orders"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"buffering": Duration.seconds(30)}, "buffering"),
        ({"expiration": Duration.hours(1)}, "expiration"),
        ({"scan_limit_mb": 9}, "scan_limit_mb"),
    ],
)
def test_a_value_out_of_range_is_refused(cdk_app: App, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOptionError, match=said):
        LogAggregation(Stack(cdk_app, "Stack"), "Logs", **options)


def test_options_of_a_new_bucket_are_refused_beside_an_existing_one(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    with pytest.raises(InvalidOptionError, match="expiration"):
        LogAggregation(stack, "Logs", bucket=bucket, expiration=Duration.days(30))


@pytest.mark.parametrize("service", ["", "Orders", "orders/eu", "a" * 64, "-orders", "a=b"])
def test_a_service_is_a_part_of_a_name(cdk_app: App, service: str) -> None:
    stack = Stack(cdk_app, "Stack")
    with pytest.raises(InvalidOptionError, match="service"):
        LogAggregation(stack, "Logs").add_log_group(log_group(stack, "Orders"), service=service)


def test_log_groups_that_cannot_be_collected_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack", env=Environment(region="us-east-1", account="111122223333"))
    aggregation = LogAggregation(stack, "Logs")
    orders = log_group(stack, "Orders")
    aggregation.add_log_group(orders, service="orders")
    own = aggregation.transform_function.log_group
    rare = log_group(stack, "Rare", log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS)
    arn = "arn:aws:logs:eu-west-1:111122223333:log-group:far"
    far = logs.LogGroup.from_log_group_arn(stack, "Far", arn)
    for refused, said in ((orders, "is collected"), (own, "without end"), (rare, "Infrequent"), (far, "eu-west-1")):
        with pytest.raises(InvalidOptionError, match=said):
            aggregation.add_log_group(refused, service="orders")
    with pytest.raises(InvalidOptionError, match="no log group"):
        aggregation.add_log_groups(StateSharing(stack, "State"), service="state")


def test_firehose_keeps_five_hundred_partitions_open(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    aggregation = LogAggregation(stack, "Logs")
    aggregation._services = dict.fromkeys(f"service-{number}" for number in range(500))
    with pytest.raises(InvalidOptionError, match="has 500 others"):
        aggregation.add_log_group(log_group(stack, "Orders"), service="orders")


def test_alarms_only_with_a_topic_and_metrics_without(cdk_app: App) -> None:
    aggregation = LogAggregation(Stack(cdk_app, "Stack"), "Logs")
    assert aggregation.alarms == []
    assert aggregation.metric_lag().metric_name == "DeliveryToS3.DataFreshness"
    assert aggregation.metric_rejected(period=Duration.minutes(1)).period.to_minutes() == 1
