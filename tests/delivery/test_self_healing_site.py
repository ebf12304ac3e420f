"""What SelfHealingSite promises in its templates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Stage
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DirectHosting, InvalidOptionError, SelfHealingSite
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.self_healing_site import build as repaired_site

SITE = Path(__file__).parents[2] / "docs/examples/orders_site"


@architecture
def defaults(stack: Stack) -> SelfHealingSite:
    web = DirectHosting(stack, "Web")
    healing = SelfHealingSite(stack, "Healing", site=web)
    web.add_site(SITE)
    return healing


@architecture
def all_options(stack: Stack) -> SelfHealingSite:
    web = DirectHosting(stack, "Web", removal_policy=RemovalPolicy.DESTROY)
    healing = SelfHealingSite(
        stack,
        "Healing",
        site=web,
        check_every=Duration.minutes(15),
        longest_pause=Duration.minutes(30),
        ignored_prefixes=["reports/"],
        data_events=True,
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    web.add_site(SITE)
    web.add_configuration({"version": 7})
    return healing


@architecture
def existing_bucket(stack: Stack) -> SelfHealingSite:
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{stack.region}:{stack.account}:key/k")
    bucket = s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_name="site", encryption_key=key)
    web = DirectHosting(stack, "Web", bucket=bucket)
    healing = SelfHealingSite(stack, "Healing", site=web)
    web.add_site(SITE)
    return healing


@architecture
def example(stack: Stack) -> SelfHealingSite:
    return repaired_site(stack, sns.Topic(stack, "Alarms", enforce_ssl=True))


@architecture
def two_in_one_stack(stack: Stack) -> None:
    for name in ("First", "Second"):
        web = DirectHosting(stack, f"{name}Web")
        SelfHealingSite(stack, f"{name}Healing", site=web)
        web.add_site(SITE)


@architecture
def inside_a_stage(app: App) -> None:
    defaults(Stack(Stage(app, "SelfHealingSiteStage"), "Site"))


REVIEWED = [defaults, all_options, existing_bucket]
BUILDS = [*REVIEWED, example, two_in_one_stack, inside_a_stage]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(build: Any, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Any, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(SelfHealingSite, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_finding_is_open(build: Any, synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def resource(of: Any, kind: str, beginning: str = "") -> tuple[str, dict[str, Any]]:
    ((name, found),) = [item for item in of.resources(kind).items() if item[0].startswith(beginning)]
    return name, found


def test_the_source_has_each_file_before_the_site_has(synthesis: Synthesis) -> None:
    of = synthesis(defaults)
    source, _ = resource(of, "AWS::S3::Bucket", "HealingSource")
    deployments = of.resources("Custom::CDKBucketDeployment")
    copies = {
        name for name, one in deployments.items() if one["Properties"]["DestinationBucketName"] == {"Ref": source}
    }
    assert len(copies) == 2
    assets = next(one for name, one in deployments.items() if name.startswith("WebAssetsCustom"))
    pages = next(name for name in copies if "Site" in name)
    assert pages in assets["DependsOn"]
    settings = [
        sorted(
            json.dumps({key: one["Properties"].get(key) for key in ("Prune", "Exclude", "Include", "SystemMetadata")})
            for name, one in deployments.items()
            if (name in copies) is of_source
        )
        for of_source in (True, False)
    ]
    assert settings[0] == settings[1], "the same files with the same headers"


def test_the_source_is_private_and_versioned_and_kept(synthesis: Synthesis) -> None:
    for build, policy in ((defaults, "Retain"), (all_options, "Delete")):
        _, source = resource(synthesis(build), "AWS::S3::Bucket", "HealingSource")
        assert source["DeletionPolicy"] == policy
        assert source["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
        assert all(source["Properties"]["PublicAccessBlockConfiguration"].values())
        assert "NotificationConfiguration" not in source["Properties"]


def test_the_site_tells_of_what_happens_to_its_objects(synthesis: Synthesis) -> None:
    of = synthesis(defaults)
    name, bucket = resource(of, "AWS::S3::Bucket", "WebBucket")
    events = bucket["Properties"]["NotificationConfiguration"]
    assert events == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    _, rule = resource(of, "AWS::Events::Rule")
    pattern = rule["Properties"]["EventPattern"]
    assert pattern["detail-type"] == ["Object Created", "Object Deleted"]
    assert pattern["detail"] == {"bucket": {"name": [{"Ref": name}]}}


def test_functions_read_the_source_and_write_the_site_only(synthesis: Synthesis) -> None:
    of = synthesis(defaults)
    (served, _), (source, _) = resource(of, "AWS::S3::Bucket", "WebBucket"), resource(of, "AWS::S3::Bucket", "HealingS")
    policies = [
        policy["Properties"]["PolicyDocument"]["Statement"]
        for name, policy in of.resources("AWS::IAM::Policy").items()
        if name.startswith(("HealingRepairFunctionSite", "HealingCheckFunctionSite"))
    ]
    assert len(policies) == 2
    for statements in policies:
        by_bucket = {
            bucket: {
                action
                for statement in statements
                if json.dumps(statement["Resource"]).count(bucket)
                for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
            }
            for bucket in (served, source)
        }
        assert by_bucket[served] == {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"}
        assert by_bucket[source] == {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}


def test_failures_have_places_and_alarms(synthesis: Synthesis) -> None:
    of = synthesis(all_options)
    alarms = of.resources("AWS::CloudWatch::Alarm")
    names = {name.removeprefix("Healing")[:-8] for name in alarms}
    assert names == {
        "DriftAlarm",
        "MissedChangesAlarm",
        "LagAlarm",
        "DeadLetterQueueAlarm",
        "CheckDeadLetterQueueAlarm",
    }
    assert not synthesis(defaults).resources("AWS::CloudWatch::Alarm")
    schedule = resource(of, "AWS::Scheduler::Schedule")[1]["Properties"]
    dead_letters, _ = resource(of, "AWS::SQS::Queue", "HealingCheckDeadLetterQueue")
    assert schedule["ScheduleExpression"] == "rate(15 minutes)"
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [dead_letters, "Arn"]}}


def test_cloudtrail_is_read_where_it_is_asked_for_and_deployments_are_known(synthesis: Synthesis) -> None:
    of = synthesis(all_options)
    rules = [rule["Properties"]["EventPattern"] for rule in of.resources("AWS::Events::Rule").values()]
    (calls,) = [rule for rule in rules if rule["detail-type"] == ["AWS API Call via CloudTrail"]]
    assert "PutObject" in calls["detail"]["eventName"]
    _, function = resource(of, "AWS::Lambda::Function", "HealingRepairFunction")
    own = json.dumps(function["Properties"]["Environment"]["Variables"]["OWN_ROLES"])
    for role in ("HealingRepairFunctionRole", "HealingCheckFunctionRole", "CustomCDKBucketDeployment"):
        assert role in own
    assert len(synthesis(defaults).resources("AWS::Events::Rule")) == 1


def test_what_is_encrypted_with_a_key_is_put_back_with_it(synthesis: Synthesis) -> None:
    for build, expected in ((defaults, '["AES256", ""]'), (existing_bucket, "key/k")):
        _, function = resource(synthesis(build), "AWS::Lambda::Function", "HealingRepairFunction")
        assert expected in json.dumps(function["Properties"]["Environment"]["Variables"]["ENCRYPTION"]).replace(
            "\\", ""
        )


# --- What is refused -------------------------------------------------------------------------------------------------


def made(**options: Any) -> SelfHealingSite:
    stack = Stack(App(), "Stack")
    return SelfHealingSite(stack, "Healing", **{"site": DirectHosting(stack, "Web"), **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"check_every": Duration.minutes(5)}, r"check_every is 5 minutes\. Use 15 minutes to 1 day"),
        ({"check_every": Duration.days(2)}, r"check_every is 2 days"),
        ({"longest_pause": Duration.hours(9)}, r"longest_pause is 9 hours\. Use 5 minutes to 8 hours"),
        ({"ignored_prefixes": [""]}, r"ignored_prefixes contains ''"),
        ({"ignored_prefixes": ["*"]}, r"ignored_prefixes contains '\*'"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        made(**options)


def test_a_site_is_watched_from_its_first_file_and_once() -> None:
    stack = Stack(App(), "Stack")
    late, twice = DirectHosting(stack, "Late"), DirectHosting(stack, "Twice")
    late.add_site(SITE)
    with pytest.raises(InvalidOptionError, match=r"bucket was given together with pages"):
        SelfHealingSite(stack, "LateHealing", site=late)
    SelfHealingSite(stack, "Healing", site=twice)
    with pytest.raises(InvalidOptionError, match=r"bucket was given for the second time"):
        SelfHealingSite(stack, "Again", site=twice)


def test_a_bucket_of_the_app_that_is_silent_is_refused() -> None:
    stack = Stack(App(), "Stack")
    web = DirectHosting(stack, "Web", bucket=s3.Bucket(stack, "Silent"))
    with pytest.raises(InvalidOptionError, match="which does not send its events to EventBridge"):
        SelfHealingSite(stack, "Healing", site=web)
