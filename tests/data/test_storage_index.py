"""What StorageIndex promises in its templates."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DirectObjectUpload, InvalidOptionError, StorageIndex
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.storage_index import build as example

TABLE_ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/existing"


@architecture
def defaults(stack: Stack) -> StorageIndex:
    return StorageIndex(stack, "Index", bucket=add_private_bucket(stack, "Files", event_bridge_enabled=True))


@architecture
def all_options(stack: Stack) -> StorageIndex:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    bucket = add_private_bucket(stack, "Files", event_bridge_enabled=True, encryption_key=key)
    index = StorageIndex(
        stack,
        "Index",
        bucket=bucket,
        prefix="accepted/",
        reconcile_every=Duration.hours(6),
        encryption_key=key,
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    index.grant_read(iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal()))
    return index


@architecture
def existing_resources(stack: Stack) -> StorageIndex:
    return StorageIndex(
        stack,
        "Index",
        bucket=s3.Bucket.from_bucket_arn(stack, "Files", "arn:aws:s3:::existing-bucket"),
        table=dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )


@architecture
def two_in_one_stack(stack: Stack) -> list[StorageIndex]:
    bucket = add_private_bucket(stack, "Files", event_bridge_enabled=True)
    first = StorageIndex(stack, "Photos", bucket=bucket, prefix="photos/")
    return [first, StorageIndex(stack, "Films", bucket=bucket, prefix="films/", table=first.table)]


@architecture
def behind_an_upload(stack: Stack) -> StorageIndex:
    upload = DirectObjectUpload(
        stack, "Upload", content_types=["image/png"], max_size_mb=1, allowed_origins=["https://www.example.com"]
    )
    return StorageIndex(stack, "Index", bucket=upload.bucket, prefix=upload.accepted_prefix)


@architecture
def in_two_regions(app: App) -> list[StorageIndex]:
    """One table for the indexes of two Regions; the owner of a photo is its album."""
    first = Stack(app, "Albums", env=Environment(region="us-east-1"))
    table = StorageIndex.global_table(first, "AlbumIndex", replica_regions=["eu-west-1"])
    second = Stack(app, "AlbumsCopy", env=Environment(region="eu-west-1"))
    replica = dynamodb.TableV2.from_table_arn(second, "AlbumIndex", TABLE_ARN.replace("us-east-1", "eu-west-1"))
    return [
        StorageIndex(
            stack,
            "Index",
            bucket=add_private_bucket(stack, "Files", event_bridge_enabled=True),
            table=shared,
            owner_metadata="album",
        )
        for stack, shared in ((first, table), (second, replica))
    ]


@architecture
def inside_a_stage(app: App) -> StorageIndex:
    return defaults(Stack(Stage(app, "IndexStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources]


def permissions(synthesised: Any, role: str, service: str) -> dict[str, set[str]]:
    """A role's actions of one service, by the end of the resource."""
    found: dict[str, set[str]] = {}
    for policy in synthesised.resources("AWS::IAM::Policy").values():
        if not any(attached["Ref"].startswith(role) for attached in policy["Properties"]["Roles"]):
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            for resource in resources:
                end = resource["Fn::Join"][1][-1] if "Fn::Join" in resource else resource["Fn::GetAtt"][0]
                found.setdefault(end, set()).update(action for action in actions if action.startswith(service))
    return {end: actions for end, actions in found.items() if actions}


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(StorageIndex, synthesis(example))


@pytest.mark.parametrize(
    "build",
    [*MAIN, two_in_one_stack, behind_an_upload, in_two_regions, inside_a_stage],
    ids=lambda build: build.__name__,
)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_table_outlives_mistakes(synthesis: Synthesis) -> None:
    ((_, table),) = synthesis(defaults).resources("AWS::DynamoDB::GlobalTable").items()
    (replica,) = table["Properties"]["Replicas"]
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert replica["DeletionProtectionEnabled"] is True
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_table_can_be_asked_by_owner_and_by_day(synthesis: Synthesis) -> None:
    ((_, table),) = synthesis(defaults).resources("AWS::DynamoDB::GlobalTable").items()
    indexes = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table["Properties"]["GlobalSecondaryIndexes"]
    }
    assert indexes == {"ByOwner": ["owner", "modified_at"], "ByDay": ["day", "modified_at"]}
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_one_table_serves_the_indexes_of_several_regions(synthesis: Synthesis) -> None:
    synthesised = synthesis(in_two_regions)
    ((_, table),) = synthesised.resources("AWS::DynamoDB::GlobalTable").items()
    replicas = {replica["Region"]: replica for replica in table["Properties"]["Replicas"]}
    assert set(replicas) == {"eu-west-1", "us-east-1"}
    assert all(replica["DeletionProtectionEnabled"] for replica in replicas.values())
    for template in synthesised.templates.values():
        functions = [item for item in template["Resources"].values() if item["Type"] == "AWS::Lambda::Function"]
        variables = [function["Properties"].get("Environment", {}).get("Variables", {}) for function in functions]
        assert [one["OWNER_METADATA"] for one in variables if "PREFIX" in one] == ["album"] * 2


def test_table_goes_with_the_stack_only_when_asked(synthesis: Synthesis) -> None:
    ((_, table),) = synthesis(all_options).resources("AWS::DynamoDB::GlobalTable").items()
    assert table["DeletionPolicy"] == "Delete"
    assert table["Properties"]["Replicas"][0]["DeletionProtectionEnabled"] is False


def test_creations_and_deletions_below_the_prefix_reach_the_queue(synthesis: Synthesis) -> None:
    rules = [rule["Properties"] for rule in synthesis(all_options).resources("AWS::Events::Rule").values()]
    (pattern,) = [rule["EventPattern"] for rule in rules if "EventPattern" in rule]
    assert pattern["detail-type"] == ["Object Created", "Object Deleted"]
    assert pattern["detail"]["object"] == {"key": [{"prefix": "accepted/"}]}


def test_reconciliation_is_scheduled_and_its_failures_are_kept(synthesis: Synthesis) -> None:
    synthesised = synthesis(all_options)
    rules = [rule["Properties"] for rule in synthesised.resources("AWS::Events::Rule").values()]
    (schedule,) = [rule for rule in rules if "ScheduleExpression" in rule]
    assert schedule["ScheduleExpression"] == "rate(360 minutes)"
    ((_, invocation),) = synthesised.resources("AWS::Lambda::EventInvokeConfig").items()
    failures = invocation["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
    assert schedule["Targets"][0]["DeadLetterConfig"]["Arn"] == failures
    assert failures["Fn::GetAtt"][0].startswith("IndexReconciliationDeadLetterQueue")


def test_every_place_for_failures_has_an_alarm(synthesis: Synthesis) -> None:
    alarms = [item["Properties"] for item in synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()]
    assert sorted(alarm["MetricName"] for alarm in alarms) == [
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesVisible",
        "RepairedObjects",
    ]
    assert all(alarm["AlarmActions"] for alarm in alarms)


def test_functions_read_the_bucket_and_never_write_it(synthesis: Synthesis) -> None:
    policies = synthesis(all_options)
    for role in ("IndexWriterFunctionRole", "IndexReconciliationFunctionRole"):
        (objects, actions), (_, listing) = sorted(permissions(policies, role, "s3:").items())
        assert (objects, actions, listing) == ("/accepted/*", {"s3:GetObject"}, {"s3:ListBucket"})


def test_writer_may_only_put_items(synthesis: Synthesis) -> None:
    policies = synthesis(all_options)
    ((table, actions),) = permissions(policies, "IndexWriterFunctionRole", "dynamodb:").items()
    assert (table[:10], actions) == ("IndexTable", {"dynamodb:PutItem"})


def test_reader_may_only_ask(synthesis: Synthesis) -> None:
    allowed = permissions(synthesis(all_options), "Reader", "dynamodb:")
    assert allowed.pop("/index/ByOwner") == allowed.pop("/index/ByDay") == {"dynamodb:Query"}
    assert list(allowed.values()) == [{"dynamodb:GetItem"}]


def test_one_key_encrypts_all_that_is_made_and_services_may_use_it(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    ((key, resource),) = built.resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    ((_, table),) = built.resources("AWS::DynamoDB::GlobalTable").items()
    assert table["Properties"]["Replicas"][0]["SSESpecification"]["KMSMasterKeyId"] == arn
    queues = built.resources("AWS::SQS::Queue").values()
    assert [queue["Properties"]["KmsMasterKeyId"] for queue in queues] == [arn] * 3
    groups = [item for name, item in built.resources("AWS::Logs::LogGroup").items() if name.startswith("Index")]
    assert [(group["Properties"]["KmsKeyId"], group["Properties"]["RetentionInDays"]) for group in groups] == [
        (arn, 7)
    ] * 2
    assert {group["DeletionPolicy"] for group in groups} == {"Delete"}
    services = [
        str(statement["Principal"].get("Service")) for statement in resource["Properties"]["KeyPolicy"]["Statement"]
    ]
    assert "events.amazonaws.com" in services
    assert any("logs." in service for service in services)


def test_reconciliation_has_the_code_of_the_writer_and_publishes_metrics(synthesis: Synthesis) -> None:
    functions = synthesis(defaults).resources("AWS::Lambda::Function")
    found = {name[:-8]: item["Properties"] for name, item in functions.items()}
    reconciliation = found["IndexReconciliationFunction"]
    assert reconciliation["Handler"] == "handlers.index_reconciliation.index.handler"
    assert reconciliation["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == "CdpConstructs"
    assert found["IndexWriterFunction"]["Handler"] == "handlers.storage_index.index.handler"


def test_metrics_and_alarms_are_those_of_queues_and_reconciliation() -> None:
    stack = Stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    index = StorageIndex(stack, "Index", bucket=bucket, alarm_topic=sns.Topic(stack, "Alarms"))
    assert index.metric_lag().metric_name == "ApproximateAgeOfOldestMessage"
    for metric, queue in (
        (index.metric_lag(), index.queue),
        (index.metric_dead_letters(), index.dead_letter_queue),
        (index.metric_reconciliation_dead_letters(), index.reconciliation_dead_letter_queue),
    ):
        assert metric.dimensions == {"QueueName": queue.queue_name}
    assert (index.metric_repaired().dimensions or {})["service"] == "ReconciliationFunction"
    assert sorted(alarm.node.id for alarm in index.alarms) == [
        "DeadLetterQueueAlarm",
        "DriftAlarm",
        "ReconciliationDeadLetterQueueAlarm",
    ]


def test_nothing_brought_is_made_or_changed(synthesis: Synthesis) -> None:
    made = {resource["Type"] for resource in synthesis(existing_resources).template_json["Resources"].values()}
    assert not made & {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table"}
    assert not any(kind.startswith("Custom::") for kind in made)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefix": "accepted"}, r"prefix is 'accepted'\. Use 'accepted/'"),
        ({"owner_metadata": "x_Album"}, "owner_metadata is 'x_Album'.*lower case"),
        ({"reconcile_every": Duration.minutes(5)}, "reconcile_every is 5 minutes. Use 15 minutes to 7 days"),
        ({"reconcile_every": Duration.days(8)}, "reconcile_every is 8 days"),
    ],
)
def test_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    stack = Stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    with pytest.raises(InvalidOptionError, match=message):
        StorageIndex(stack, "Index", bucket=bucket, **options)


def test_removal_policy_of_a_brought_table_is_refused() -> None:
    stack = Stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    table = dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN)
    with pytest.raises(InvalidOptionError, match="removal_policy was given together with table"):
        StorageIndex(stack, "Index", bucket=bucket, table=table, removal_policy=RemovalPolicy.DESTROY)


def test_bucket_that_sends_no_events_is_refused() -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match="does not send its events to EventBridge"):
        StorageIndex(stack, "Index", bucket=s3.Bucket(stack, "Bucket"))


def test_resource_of_another_region_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Regional", env=Environment(account="111122223333", region="us-east-1"))
    topic = sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:eu-west-1:111122223333:alarms")
    with pytest.raises(InvalidOptionError, match="alarm_topic is in eu-west-1, but the stack is in us-east-1"):
        StorageIndex(stack, "Index", bucket=s3.Bucket.from_bucket_name(stack, "Files", "existing"), alarm_topic=topic)


@pytest.mark.parametrize("replica_regions", [[], ["eu-west-1"]])
def test_the_stream_of_a_global_table_stays_when_regions_come_and_go(cdk_app: App, replica_regions: list[str]) -> None:
    stack = Stack(cdk_app, "First", env=Environment(region="us-east-1"))
    StorageIndex.global_table(stack, "Index", replica_regions=replica_regions)
    [table] = Template.from_stack(stack).find_resources("AWS::DynamoDB::GlobalTable").values()
    assert table["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
