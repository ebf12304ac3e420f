"""What DeliveryPipeline promises in its templates."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Duration, Environment, RemovalPolicy, Stack, Stage, pipelines
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DeliveryPipeline, DeliveryWave, InvalidOptionError, RollbackAlarm, SmokeTest
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.delivery_pipeline import CONNECTION, IRELAND, STAGING, TOKYO
from docs.examples.delivery_pipeline import build as example

ROOT = Path(__file__).parents[2]
OWN_STAGING = Environment(account="111122223333", region="eu-west-1")


class Desk(Stage):
    """A queue, which is enough to deploy."""

    def __init__(self, scope: Construct, construct_id: str, **options: Any) -> None:
        super().__init__(scope, construct_id, **options)
        stack = Stack(self, "Desk")
        failed = sqs.Queue(stack, "Failed", enforce_ssl=True)
        queue = sqs.Queue(
            stack, "Queue", enforce_ssl=True, dead_letter_queue=sqs.DeadLetterQueue(queue=failed, max_receive_count=3)
        )
        self.url = CfnOutput(stack, "Url", value=queue.queue_url)


def connection() -> pipelines.CodePipelineSource:
    return pipelines.CodePipelineSource.connection(
        "example/order-desk", "main", connection_arn=CONNECTION, code_build_clone_output=True
    )


def wave(stack: Stack, name: str, env: Environment | None = None, **options: Any) -> DeliveryWave:
    return DeliveryWave(name, [Desk(stack, name, env=env)], **options)


@architecture(env=IRELAND)
def defaults(stack: Stack) -> DeliveryPipeline:
    return DeliveryPipeline(
        stack,
        "Delivery",
        source=connection(),
        staging=wave(stack, "Staging", OWN_STAGING),
        production=[wave(stack, "Ireland", IRELAND)],
    )


@architecture(env=IRELAND)
def all_options(stack: Stack) -> DeliveryPipeline:
    staging = Desk(stack, "Staging", env=STAGING)
    tester = iam.Role.from_role_arn(stack, "Tester", "arn:aws:iam::444455556666:role/order-desk-smoke-test")
    test = SmokeTest(["./smoke.sh $URL"], outputs={"URL": staging.url}, assumes=[tester])
    tokyo, osaka = (
        Desk(stack, name, env=Environment(account="111122223333", region=region))
        for name, region in (("Tokyo", "ap-northeast-1"), ("Osaka", "ap-northeast-3"))
    )
    return DeliveryPipeline(
        stack,
        "Delivery",
        source=connection(),
        staging=DeliveryWave("Staging", [staging], smoke_test=test),
        production=[
            wave(stack, "Ireland", IRELAND, rollback_alarm=RollbackAlarm("order-desk")),
            DeliveryWave("Japan", [tokyo, osaka], rollback_alarm=RollbackAlarm("desk", wait=Duration.minutes(30))),
        ],
        install_commands=["pip install --requirement requirements.txt"],
        build_commands=["pytest", "cdk synth"],
        review_fail_on=["replacement"],
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Operators", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture(env=IRELAND)
def existing(stack: Stack) -> DeliveryPipeline:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    bucket = s3.Bucket(
        stack,
        "Artifacts",
        encryption_key=key,
        enforce_ssl=True,
        server_access_logs_bucket=s3.Bucket.from_bucket_name(stack, "Logs", "example-logs"),
    )
    repository = codecommit.Repository.from_repository_name(stack, "Repository", "order-desk")
    return DeliveryPipeline(
        stack,
        "Delivery",
        source=pipelines.CodePipelineSource.code_commit(repository, "main", code_build_clone_output=True),
        staging=wave(stack, "Staging", OWN_STAGING),
        production=[wave(stack, "Ireland", IRELAND)],
        artifact_bucket=bucket,
        alarm_topic=sns.Topic.from_topic_arn(stack, "Operators", "arn:aws:sns:eu-west-1:111122223333:operators"),
    )


@architecture
def archive_without_history(stack: Stack) -> DeliveryPipeline:
    bucket = s3.Bucket.from_bucket_name(stack, "Source", "example-source")
    return DeliveryPipeline(
        stack,
        "Delivery",
        source=pipelines.CodePipelineSource.s3(bucket, "order-desk.zip"),
        staging=wave(stack, "Staging"),
        production=[wave(stack, "Production")],
        review_fail_on=[],
    )


@architecture(env=IRELAND)
def two_in_one_stack(stack: Stack) -> list[DeliveryPipeline]:
    return [
        DeliveryPipeline(
            stack,
            name,
            source=connection(),
            staging=wave(stack, f"{name}Staging", OWN_STAGING),
            production=[wave(stack, f"{name}Tokyo", TOKYO)],
        )
        for name in ("Desk", "Shop")
    ]


@architecture
def inside_a_stage(app: App) -> DeliveryPipeline:
    return defaults(Stack(Stage(app, "DeliveryPipelineStage", env=IRELAND), "Tools"))


architecture(env=IRELAND)(example)
REVIEWED = [defaults, all_options, existing]
BUILDS = [*REVIEWED, archive_without_history, two_in_one_stack, inside_a_stage]


def of_the_pipeline(findings: list[str]) -> list[str]:
    """Leave out what is found in the application that is delivered, and the rule that the CDK adds to a repository."""
    return [one for one in findings if not any(f"/{part}/" in one for part in ("Desk", "OrderDesk", "Repository"))]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


@pytest.mark.parametrize("build", [*BUILDS, example], ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert of_the_pipeline(synthesis(build).findings("AwsSolutions", "Serverless")) == []


def stages(built: Any) -> dict[str, dict[str, Any]]:
    (pipeline,) = built.resources("AWS::CodePipeline::Pipeline").values()
    return {stage["Name"]: stage for stage in pipeline["Properties"]["Stages"]}


def test_a_commit_goes_from_the_build_to_staging_and_region_by_region(synthesis: Synthesis) -> None:
    built = synthesis(example)
    order = ["Source", "Build", "UpdatePipeline", "Assets", "Staging", "Approval", "Ireland", "Tokyo"]
    assert list(stages(built)) == order
    (pipeline,) = built.resources("AWS::CodePipeline::Pipeline").values()
    assert pipeline["Properties"]["PipelineType"] == "V2"
    for name in ("Staging", "Ireland", "Tokyo"):
        actions = stages(built)[name]["Actions"]
        assert [action["Name"] for action in sorted(actions, key=lambda action: action["RunOrder"])] == [
            "OrderDesk.Prepare",
            "OrderDesk.Deploy",
            "SmokeTest",
        ]
    (approval,) = stages(built)["Approval"]["Actions"]
    assert approval["ActionTypeId"]["Provider"] == "Manual"


@pytest.mark.parametrize("build", [*REVIEWED, example], ids=lambda build: build.__name__)
def test_what_deploys_is_rolled_back_and_nothing_else(build: Callable[..., Any], synthesis: Synthesis) -> None:
    for stage in stages(synthesis(build)).values():
        deploys = any(action["ActionTypeId"]["Provider"] == "CloudFormation" for action in stage["Actions"])
        assert stage.get("OnFailure") == ({"Result": "ROLLBACK"} if deploys else None)
        # A wave that is rolled back does not ask for an approval again.
        assert not (deploys and any(action["ActionTypeId"]["Provider"] == "Manual" for action in stage["Actions"]))


def test_an_alarm_of_each_region_is_looked_at_after_the_smoke_test(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    found = {
        name: [
            (rule["Region"], rule["Configuration"], rule["RuleTypeId"]["Provider"])
            for condition in stage["OnSuccess"]["Conditions"]
            for rule in condition["Rules"]
            if condition["Result"] == "ROLLBACK"
        ]
        for name, stage in stages(built).items()
        if "OnSuccess" in stage
    }
    desk = {"AlarmName": "desk", "WaitTime": "30"}
    assert found == {
        "Ireland": [("eu-west-1", {"AlarmName": "order-desk", "WaitTime": "10"}, "CloudWatchAlarm")],
        "Japan": [("ap-northeast-1", desk, "CloudWatchAlarm"), ("ap-northeast-3", desk, "CloudWatchAlarm")],
    }
    allowed = [one for one in statements(built, "DeliveryPipelineRole") if one["Action"] == "cloudwatch:DescribeAlarms"]
    assert sorted(allowed[0]["Resource"]) == [
        "arn:aws:cloudwatch:ap-northeast-1:111122223333:alarm:desk",
        "arn:aws:cloudwatch:ap-northeast-3:111122223333:alarm:desk",
        "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:order-desk",
    ]


def statements(built: Any, prefix: str) -> list[dict[str, Any]]:
    policies = built.resources("AWS::IAM::Policy")
    (policy,) = [policy for logical_id, policy in policies.items() if logical_id.startswith(prefix)]
    found: list[dict[str, Any]] = policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def actions_of(built: Any, prefix: str) -> set[str]:
    listed = [one["Action"] for one in statements(built, prefix)]
    return {action for one in listed for action in ([one] if isinstance(one, str) else one)}


def test_nothing_of_the_pipeline_may_do_what_cloudformation_does(synthesis: Synthesis) -> None:
    """Builds and actions reach the application only by roles of `cdk bootstrap`, and one that a smoke test names."""
    for build in (all_options, example):
        built = synthesis(build)
        services = {
            action.partition(":")[0]
            for logical_id in built.resources("AWS::IAM::Policy")
            if logical_id.startswith("Delivery")
            for action in actions_of(built, logical_id)
        }
        assert services <= {
            *("cloudformation", "cloudwatch", "codebuild", "codepipeline", "codeconnections"),
            *("kms", "logs", "s3", "sns", "sts"),
        }
        assert "iam:PassRole" not in {
            action
            for logical_id in built.resources("AWS::IAM::Policy")
            for action in actions_of(built, logical_id)
            if logical_id.startswith("Delivery")
        }
    (smoke,) = [
        one for one in statements(synthesis(all_options), "DeliveryPipelineStagingSmokeTest") if "sts" in str(one)
    ]
    assert smoke["Resource"] == "arn:aws:iam::444455556666:role/order-desk-smoke-test"
    assert "sts:AssumeRole" not in actions_of(synthesis(example), "DeliveryPipelineIrelandSmokeTest")


def test_the_build_may_ask_what_was_delivered_and_assume_nothing(synthesis: Synthesis) -> None:
    allowed = actions_of(synthesis(defaults), "DeliveryPipelineBuildCdkBuildProject")
    assert {"codepipeline:ListPipelineExecutions"} == {one for one in allowed if one.startswith("codepipeline:")}
    assert not {one for one in allowed if one.startswith(("sts:", "cloudformation:", "iam:"))}


@pytest.mark.parametrize("prefix", ["codeconnections", "codestar-connections"])
def test_a_connection_is_used_by_the_name_that_it_has(cdk_context: dict[str, Any], prefix: str) -> None:
    """IAM compares the prefix of the action with that of the ARN."""
    app = App(context=cdk_context)
    source = pipelines.CodePipelineSource.connection(
        "example/order-desk", "main", connection_arn=CONNECTION.replace("codeconnections", prefix)
    )
    make(app, source=source)
    template = json.dumps(app.synth().get_stack_artifact("Tools").template)
    assert set(re.findall(r"[a-z-]+:UseConnection", template)) == {f"{prefix}:UseConnection"}


def test_self_mutation_assumes_only_roles_of_cdk_bootstrap(synthesis: Synthesis) -> None:
    (assumed,) = [
        one
        for one in statements(synthesis(defaults), "DeliveryStagesUpdatePipelineSelfMutation")
        if one["Action"] == "sts:AssumeRole"
    ]
    (tags,) = assumed["Condition"]["ForAnyValue:StringEquals"].values()
    assert set(tags) == {"image-publishing", "file-publishing", "deploy"}


def test_keys_of_other_regions_are_named_by_their_alias(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    uses = [one for one in statements(built, "DeliveryPipelineRole") if "kms:Decrypt" in one["Action"]]
    assert [one["Resource"] for one in uses if "Condition" not in one] == [[{"Fn::GetAtt": ["Key961B73FD", "Arn"]}]]
    ((_, conditions),) = [(one["Resource"], one["Condition"]) for one in uses if "Condition" in one]
    aliases = {
        one["Properties"]["AliasName"]
        for template in built.templates.values()
        for one in template["Resources"].values()
        if one["Type"] == "AWS::KMS::Alias"
    }
    assert set(conditions["ForAnyValue:StringEquals"]["kms:ResourceAliases"]) == aliases
    assert len(aliases) == 2


def test_artifacts_are_encrypted_kept_for_a_year_and_readable_by_the_other_account(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    artifacts = [
        one["Properties"]
        for template in built.templates.values()
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::S3::Bucket" and ("Artifact" in name or "Replication" in name)
    ]
    assert len(artifacts) == 3, "of the pipeline's Region and of two others"
    for properties in artifacts:
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        days = {
            one["ExpirationInDays"] for one in properties["LifecycleConfiguration"]["Rules"] if "Expire" in one["Id"]
        }
        assert days == {365}
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert properties["LoggingConfiguration"]
        assert all(properties["PublicAccessBlockConfiguration"].values())
    policies = built.resources("AWS::S3::BucketPolicy")
    (policy,) = [one for name, one in policies.items() if name.startswith("DeliveryArtifactBucket")]
    readers = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert "444455556666" in json.dumps(readers)
    (key,) = [one for name, one in built.resources("AWS::KMS::Key").items() if name.startswith("Key")]
    assert "role/cdk-hnb659fds-deploy-role-444455556666-eu-west-1" in json.dumps(key["Properties"]["KeyPolicy"])


def test_a_new_version_of_the_application_leaves_the_pipeline_as_it_is(cdk_context: dict[str, Any]) -> None:
    """CodePipeline rolls back only to executions of the same pipeline."""
    first, second = (pipeline_of(cdk_context, release) for release in ("1", "2"))
    assert first == second


def pipeline_of(context: dict[str, Any], release: str) -> Any:
    from docs.examples.delivery_pipeline import OrderDesk

    app = App(context=context)
    stack = Stack(app, "Tools", env=IRELAND)
    waves = [
        DeliveryWave(name, [OrderDesk(stack, name, env=env, release=release)])
        for name, env in (("A", STAGING), ("B", TOKYO))
    ]
    DeliveryPipeline(stack, "Delivery", source=connection(), staging=waves[0], production=waves[1:])
    template = app.synth().get_stack_artifact("Tools").template
    (found,) = [one for one in template["Resources"].values() if one["Type"] == "AWS::CodePipeline::Pipeline"]
    return found


def test_a_failed_execution_raises_an_alarm_and_operators_are_asked(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    assert [alarm.node.id for alarm in built.result.alarms] == ["FailedExecutionsAlarm"]
    (alarm,) = built.resources("AWS::CloudWatch::Alarm").values()
    properties = alarm["Properties"]
    assert (properties["Namespace"], properties["MetricName"]) == ("AWS/CodePipeline", "FailedPipelineExecutions")
    (dimension,) = properties["Dimensions"]
    assert dimension["Value"] == {"Ref": next(iter(built.resources("AWS::CodePipeline::Pipeline")))}
    (topic,) = built.resources("AWS::SNS::Topic")
    assert properties["AlarmActions"] == [{"Ref": topic}]
    (approval,) = stages(built)["Approval"]["Actions"]
    assert approval["Configuration"]["NotificationArn"] == {"Ref": topic}
    assert synthesis(defaults).resources("AWS::CloudWatch::Alarm") == {}


def test_all_builds_log_to_one_encrypted_group_that_ends(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    ((name, group),) = built.resources("AWS::Logs::LogGroup").items()
    assert group["Properties"]["RetentionInDays"] == 7
    assert "KmsKeyId" in group["Properties"]
    for project in built.resources("AWS::CodeBuild::Project").values():
        assert project["Properties"]["LogsConfig"]["CloudWatchLogs"]["GroupName"] == {"Ref": name}
        assert not project["Properties"]["Environment"]["PrivilegedMode"]
        assert project["Properties"]["EncryptionKey"]


def test_the_cdk_cli_is_the_one_that_this_library_is_tested_with() -> None:
    from cdp_constructs.pipeline._build import CLI_VERSION

    assert json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"] == CLI_VERSION


def make(app: App, **options: Any) -> DeliveryPipeline:
    stack = Stack(app, "Tools", env=IRELAND)
    given: dict[str, Any] = {
        "source": connection(),
        "staging": wave(stack, "Staging", OWN_STAGING),
        "production": [wave(stack, "Ireland", IRELAND)],
    }
    return DeliveryPipeline(stack, "Delivery", **given | options)


def test_production_needs_a_wave(cdk_app: App) -> None:
    with pytest.raises(InvalidOptionError, match=r"Tools/Delivery: production is \[\]"):
        make(cdk_app, production=[])


def test_two_waves_of_one_name_are_refused(cdk_app: App) -> None:
    other = Stack(cdk_app, "Other", env=IRELAND)
    with pytest.raises(InvalidOptionError, match="production contains 'Staging' twice"):
        make(cdk_app, production=[wave(other, "Staging", IRELAND)])


def test_kinds_that_a_review_does_not_know_are_refused(cdk_app: App) -> None:
    with pytest.raises(InvalidOptionError, match="review_fail_on contains 'everything'"):
        make(cdk_app, review_fail_on=["everything"])


def test_an_alarm_of_another_account_is_refused(cdk_app: App) -> None:
    other = Stack(cdk_app, "Other", env=IRELAND)
    staging = wave(other, "Elsewhere", STAGING, rollback_alarm=RollbackAlarm("order-desk"))
    with pytest.raises(InvalidOptionError, match="rollback_alarm was given for 'Elsewhere', which is in account 4444"):
        make(cdk_app, staging=staging)


def test_a_fifo_topic_is_refused(cdk_app: App) -> None:
    topic = sns.Topic(Stack(cdk_app, "Other", env=IRELAND), "Topic", fifo=True)
    with pytest.raises(InvalidOptionError, match="alarm_topic"):
        make(cdk_app, alarm_topic=topic)


@pytest.mark.parametrize("name", ["Build", "Source", "Approval", "a b", "x" * 91])
def test_names_that_the_pipeline_has_or_codepipeline_refuses(cdk_app: App, name: str) -> None:
    with pytest.raises(InvalidOptionError, match="name"):
        DeliveryWave(name, [Desk(Stack(cdk_app, "Tools"), "Staging")])


def test_a_smoke_test_needs_commands_and_names_that_a_shell_takes(cdk_app: App) -> None:
    with pytest.raises(InvalidOptionError, match=r"commands is \[\]"):
        SmokeTest([])
    output = Desk(Stack(cdk_app, "Tools"), "Staging").url
    with pytest.raises(InvalidOptionError, match="outputs contains 'a-b'"):
        SmokeTest(["true"], outputs={"a-b": output})


@pytest.mark.parametrize("wait", [Duration.seconds(30), Duration.days(2), Duration.seconds(90)])
def test_codepipeline_waits_for_whole_minutes(wait: Duration) -> None:
    with pytest.raises(InvalidOptionError, match="wait is"):
        RollbackAlarm("order-desk", wait=wait)


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(DeliveryPipeline, synthesis(example))
