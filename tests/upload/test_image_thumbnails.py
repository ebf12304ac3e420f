"""What ImageThumbnails promises in its templates."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import ImageThumbnails, InvalidOptionError, SnsSqsFanout
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.image_thumbnails import build as example

ROOT = Path(__file__).parents[2]
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
LAYER_ARN = "arn:aws:lambda:us-east-1:111122223333:layer:pillow:1"


def layer(stack: Stack) -> lambda_.ILayerVersion:
    found = stack.node.try_find_child("Pillow")
    return found or lambda_.LayerVersion.from_layer_version_arn(stack, "Pillow", LAYER_ARN)  # type: ignore[return-value]


@architecture
def defaults(stack: Stack) -> ImageThumbnails:
    fanout = SnsSqsFanout(stack, "Accepted")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "files")
    return ImageThumbnails(stack, "Thumbnails", fanout=fanout, bucket=bucket, pillow_layer=layer(stack))


@architecture
def all_options(stack: Stack) -> ImageThumbnails:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    return ImageThumbnails(
        stack,
        "Thumbnails",
        fanout=SnsSqsFanout(stack, "Accepted"),
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "files"),
        pillow_layer=ImageThumbnails.layer_from_folder(stack, "Pillow", ROOT / "build/layers/pillow"),
        prefix="pictures/accepted/",
        pixels=64,
        decoding_timeout=Duration.seconds(40),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=alarms,
    )


@architecture
def existing_resources(stack: Stack) -> ImageThumbnails:
    key = kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    topic = sns.Topic.from_topic_arn(stack, "Uploads", "arn:aws:sns:us-east-1:111122223333:uploads")
    bucket_arn = "arn:aws:s3:::files"
    return ImageThumbnails(
        stack,
        "Thumbnails",
        fanout=SnsSqsFanout(stack, "Accepted", topic=topic, encryption_key=key),
        bucket=s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_arn=bucket_arn, encryption_key=key),
        pillow_layer=layer(stack),
        encryption_key=key,
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )


@architecture
def fanout_without_a_known_key(stack: Stack) -> ImageThumbnails:
    topic = sns.Topic.from_topic_arn(stack, "Uploads", "arn:aws:sns:us-east-1:111122223333:uploads")
    return ImageThumbnails(
        stack,
        "Thumbnails",
        fanout=SnsSqsFanout(stack, "Accepted", topic=topic),
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "files"),
        pillow_layer=layer(stack),
    )


@architecture
def short_lived(stack: Stack) -> ImageThumbnails:
    """For a test: everything goes with the stack; messages go to an existing topic."""
    uploads = sns.Topic.from_topic_arn(stack, "Uploads", "arn:aws:sns:us-east-1:111122223333:uploads")
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    return ImageThumbnails(
        stack,
        "Thumbnails",
        fanout=SnsSqsFanout(stack, "Accepted", topic=uploads),
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "files"),
        pillow_layer=layer(stack),
        topic=sns.Topic(stack, "Made", master_key=key, enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def two_in_one_stack(stack: Stack) -> list[ImageThumbnails]:
    fanout = SnsSqsFanout(stack, "Accepted")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "files")
    return [
        ImageThumbnails(stack, name, fanout=fanout, bucket=bucket, pillow_layer=layer(stack), pixels=pixels)
        for name, pixels in (("Small", 64), ("Large", 1024))
    ]


@architecture
def inside_a_stage(app: App) -> ImageThumbnails:
    return defaults(Stack(Stage(app, "ThumbnailStage"), "Service"))


architecture(example)
BUILDS = [
    defaults,
    all_options,
    existing_resources,
    fanout_without_a_known_key,
    short_lived,
    two_in_one_stack,
    inside_a_stage,
]


def only(synthesised: Any, resource_type: str, beginning: str) -> dict[str, Any]:
    resources = synthesised.resources(resource_type)
    (found,) = [item for logical_id, item in resources.items() if logical_id.startswith(beginning)]
    return dict(found["Properties"])


def statements(synthesised: Any) -> list[dict[str, Any]]:
    return [
        statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        if any(role["Ref"].startswith("ThumbnailsFunctionRole") for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


@pytest.mark.parametrize("build", [defaults, all_options, existing_resources], ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options, existing_resources], ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(ImageThumbnails, synthesis(example))


@pytest.mark.parametrize("build", [*BUILDS, example], ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_images_wait_in_a_queue_one_to_a_call_and_others_do_not_come(synthesis: Synthesis) -> None:
    synthesised = synthesis(defaults)
    subscription = only(synthesised, "AWS::SNS::Subscription", "ThumbnailsImages")
    types = subscription["FilterPolicy"]["content_type"]
    assert {"image/jpeg", "image/png", "image/gif", "image/webp"} < set(types)
    assert "application/pdf" not in types
    mapping = only(synthesised, "AWS::Lambda::EventSourceMapping", "ThumbnailsImages")
    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue = only(synthesised, "AWS::SQS::Queue", "ThumbnailsImagesQueue")
    function = only(synthesised, "AWS::Lambda::Function", "ThumbnailsFunction")
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5


def test_it_reads_images_and_writes_thumbnails_and_nothing_else(synthesis: Synthesis) -> None:
    found = {}
    for statement in statements(synthesis(all_options)):
        for action in [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]:
            found[action] = json.dumps(statement["Resource"])
    assert {action for action in found if action.startswith("s3:")} == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    assert ':s3:::files/pictures/accepted/*"' in found["s3:GetObject"]
    assert ':s3:::files/pictures/accepted/*/thumbnail/*"' in found["s3:PutObject"]
    assert "ThumbnailsTopic" in found["sns:Publish"]
    assert {action for action in found if action.startswith("kms:")} == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_every_place_for_failures_and_many_unreadable_images_raise_an_alarm(synthesis: Synthesis) -> None:
    synthesised = synthesis(all_options)
    alarms = synthesised.resources("AWS::CloudWatch::Alarm")
    queues = synthesised.resources("AWS::SQS::Queue")
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in alarms.values()
        for dimension in alarm["Properties"]["Dimensions"]
        if dimension["Name"] == "QueueName"
    }
    assert {logical_id for logical_id, queue in queues.items() if "RedrivePolicy" not in queue["Properties"]} == watched
    unreadable = only(synthesised, "AWS::CloudWatch::Alarm", "ThumbnailsUnreadableAlarm")
    assert (unreadable["MetricName"], unreadable["Threshold"]) == ("UnreadableImages", 10)
    assert synthesis(defaults).resources("AWS::CloudWatch::Alarm") == {}


def test_alarms_and_metrics_are_found() -> None:
    thumbnails = all_options(Stack())
    assert {"DeadLetterQueueAlarm", "UnreadableAlarm"} <= {alarm.node.id for alarm in thumbnails.alarms}
    metrics = (
        thumbnails.metric_made,
        thumbnails.metric_rejected,
        thumbnails.metric_lag,
        thumbnails.metric_dead_letters,
    )
    assert [metric().metric_name for metric in metrics] == [
        "MadeThumbnails",
        "UnreadableImages",
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesVisible",
    ]
    assert {metric(period=Duration.hours(1)).period.to_seconds() for metric in metrics} == {3600}


def test_messages_go_to_an_existing_topic_and_logs_go_with_the_stack(synthesis: Synthesis) -> None:
    synthesised = synthesis(short_lived)
    ((topic_id, _),) = synthesised.resources("AWS::SNS::Topic").items()
    ((key_id, _),) = synthesised.resources("AWS::KMS::Key").items()
    function = only(synthesised, "AWS::Lambda::Function", "ThumbnailsFunction")
    assert function["Environment"]["Variables"]["TOPIC_ARN"] == {"Ref": topic_id}
    (used,) = [item for item in statements(synthesised) if item["Resource"] == {"Fn::GetAtt": [key_id, "Arn"]}]
    assert used["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    (group,) = synthesised.resources("AWS::Logs::LogGroup").values()
    assert (group["DeletionPolicy"], group["Properties"]["RetentionInDays"]) == ("Delete", 7)


@pytest.mark.parametrize(("build", "seconds"), [(defaults, "10"), (all_options, "40")], ids=["default", "longest"])
def test_decoding_ends_before_the_function_does(build: Any, seconds: str, synthesis: Synthesis) -> None:
    function = only(synthesis(build), "AWS::Lambda::Function", "ThumbnailsFunction")
    assert function["Environment"]["Variables"]["DECODING_SECONDS"] == seconds
    assert int(seconds) < function["Timeout"]


def test_topic_of_another_region_is_refused() -> None:
    stack = Stack(App(), "Tokyo", env=Environment(region="ap-northeast-1"))
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:111122223333:made")
    fanout, bucket = SnsSqsFanout(stack, "Accepted"), s3.Bucket.from_bucket_name(stack, "Bucket", "files")
    arn = "arn:aws:lambda:ap-northeast-1:111122223333:layer:pillow:1"
    pillow = lambda_.LayerVersion.from_layer_version_arn(stack, "Pillow", arn)
    with pytest.raises(InvalidOptionError, match="topic is in us-east-1, but the stack is in ap-northeast-1"):
        ImageThumbnails(stack, "T", fanout=fanout, bucket=bucket, pillow_layer=pillow, topic=topic)


@pytest.mark.parametrize(
    ("build", "key"),
    [
        (defaults, "AcceptedEncryptionKey"),
        (all_options, "Key"),
        (fanout_without_a_known_key, "ThumbnailsEncryptionKey"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_topic_is_encrypted_and_only_read_over_tls(build: Any, key: str, synthesis: Synthesis) -> None:
    topic = only(synthesis(build), "AWS::SNS::Topic", "ThumbnailsTopic")
    assert topic["KmsMasterKeyId"]["Fn::GetAtt"][0].startswith(key)
    policy = only(synthesis(build), "AWS::SNS::TopicPolicy", "ThumbnailsTopicPolicy")
    assert any(statement["Effect"] == "Deny" for statement in policy["PolicyDocument"]["Statement"])


def test_the_layer_is_for_the_python_and_processor_of_the_function(synthesis: Synthesis) -> None:
    synthesised = synthesis(all_options)
    existing = only(synthesised, "AWS::Lambda::LayerVersion", "Pillow")
    function = only(synthesised, "AWS::Lambda::Function", "ThumbnailsFunction")
    assert existing["CompatibleRuntimes"] == [function["Runtime"]]
    assert existing["CompatibleArchitectures"] == function["Architectures"]
    assert function["Environment"]["Variables"]["PIXELS"] == "64"
    # Powertools, the given one, and the module `correlation`.
    assert len(function["Layers"]) == 3


def test_lambda_and_this_machine_have_the_same_pillow() -> None:
    versions = [
        re.findall(r"^pillow==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE)
        for name in ("dev.lock", "pillow-layer.lock")
    ]
    assert versions[0] == versions[1]
    assert len(versions[0]) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"pixels": 8}, "pixels is 8 pixels"),
        ({"pixels": 4000}, r"Use 16 to 2,048 pixels"),
        ({"prefix": "accepted"}, "prefix is 'accepted'. Use 'accepted/'"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], says: str) -> None:
    stack = Stack(App(), "Refused")
    fanout = SnsSqsFanout(stack, "Accepted")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "files")
    with pytest.raises(InvalidOptionError, match=says):
        ImageThumbnails(stack, "Thumbnails", fanout=fanout, bucket=bucket, pillow_layer=layer(stack), **options)


def test_a_folder_without_pillow_is_refused_with_the_command_that_fills_it(tmp_path: Path) -> None:
    stack = Stack(App(), "Refused")
    with pytest.raises(InvalidOptionError, match=r"has no Pillow\. Run: pip install .*--python-version 3\.14 "):
        ImageThumbnails.layer_from_folder(stack, "Pillow", tmp_path / "missing")
    (tmp_path / "python/PIL").mkdir(parents=True)
    (tmp_path / "python/PIL/_imaging.cpython-311-x86_64-linux-gnu.so").touch()
    with pytest.raises(InvalidOptionError, match=r"for another target \(_imaging\.cpython-311-x86_64-linux-gnu\.so\)"):
        ImageThumbnails.layer_from_folder(stack, "Pillow", tmp_path)
