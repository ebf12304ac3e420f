"""What BatchWarehouse promises in its templates; Redshift does not run in the embedded cloud."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import BatchLayer, BatchWarehouse, InvalidOptionError
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.batch_warehouse import build as example
from tests.networks import network


def layer(stack: Stack) -> BatchLayer:
    return BatchLayer(stack, "Batch", columns={"temperature": "double", "note": "string"})


@architecture
def defaults(stack: Stack) -> BatchWarehouse:
    return BatchWarehouse(stack, "Warehouse", batch=layer(stack))


@architecture
def existing_resources(stack: Stack) -> BatchWarehouse:
    bucket = s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::existing")
    return BatchWarehouse(
        stack,
        "Warehouse",
        batch=BatchLayer(stack, "Batch", columns={"temperature": "double"}, bucket=bucket),
        vpc=network(stack, isolated=True),
        base_capacity=16,
        max_capacity=64,
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def one_key_for_all(stack: Stack) -> BatchWarehouse:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    warehouse = BatchWarehouse(stack, "Warehouse", batch=layer(stack), encryption_key=key)
    assert warehouse.encryption_key is key
    analyst = iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal())
    warehouse.grant_read(analyst)
    acknowledge(analyst, "AwsSolutions-IAM5[Resource::*]", "The Data API names no statements; the condition does.")
    return warehouse


@architecture
def two_in_one_stack(stack: Stack) -> list[BatchWarehouse]:
    batch = layer(stack)
    vpc = network(stack, isolated=True)
    return [BatchWarehouse(stack, name, batch=batch, vpc=vpc) for name in ("One", "Two")]


@architecture
def inside_a_stage(app: App) -> BatchWarehouse:
    return defaults(Stack(Stage(app, "WarehouseStage"), "Service"))


architecture(example)
MAIN = [defaults, existing_resources]
EVERY = [*MAIN, one_key_for_all, two_in_one_stack, inside_a_stage, example]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(BatchWarehouse, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def one(built: Any, resource_type: str) -> dict[str, Any]:
    ((_, resource),) = built.resources(resource_type).items()
    return resource  # type: ignore[no-any-return]


def test_warehouse_is_private_and_its_network_leads_to_s3_only(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    workgroup = one(built, "AWS::RedshiftServerless::Workgroup")["Properties"]
    assert (workgroup["PubliclyAccessible"], workgroup["EnhancedVpcRouting"]) == (False, True)
    assert len(workgroup["SubnetIds"]) == 3
    assert {"ParameterKey": "require_ssl", "ParameterValue": "true"} in workgroup["ConfigParameters"]
    assert (workgroup["BaseCapacity"], workgroup["MaxCapacity"]) == (8, 8)
    for absent in ("AWS::EC2::NatGateway", "AWS::EC2::InternetGateway"):
        built.template.resource_count_is(absent, 0)
    assert one(built, "AWS::EC2::VPCEndpoint")["Properties"]["VpcEndpointType"] == "Gateway"
    assert "SecurityGroupIngress" not in one(built, "AWS::EC2::SecurityGroup")["Properties"]


def test_password_is_redshifts_and_data_outlives_the_stack(synthesis: Synthesis) -> None:
    namespace = one(synthesis(defaults), "AWS::RedshiftServerless::Namespace")
    assert namespace["Properties"]["ManageAdminPassword"] is True
    assert "AdminUserPassword" not in namespace["Properties"]
    assert namespace["DeletionPolicy"] == "Retain"


def test_load_starts_every_five_minutes_and_what_fails_has_a_place(synthesis: Synthesis) -> None:
    built = synthesis(existing_resources)
    schedule = one(built, "AWS::Scheduler::Schedule")["Properties"]
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    rules = {name[:-8]: rule["Properties"] for name, rule in built.resources("AWS::Events::Rule").items()}
    divided, failed = (rules[f"Warehouse{name}"] for name in ("DividedLoads", "FailedLoads"))
    workgroup = one(built, "AWS::RedshiftServerless::Workgroup")["Properties"]["WorkgroupName"]
    for rule, name in ((divided, workgroup), (failed, {"prefix": f"{workgroup} "})):
        assert rule["EventPattern"]["detail"] == {"statementName": [name], "state": ["FAILED", "ABORTED"]}
    assert divided["Targets"][0]["Arn"]["Fn::GetAtt"][0].startswith("WarehouseFunction")
    callers = [
        permission["Properties"]["SourceArn"]["Fn::GetAtt"][0][:-8]
        for permission in built.resources("AWS::Lambda::Permission").values()
    ]
    assert callers == ["WarehouseDividedLoads"]
    asynchronous = one(built, "AWS::Lambda::EventInvokeConfig")["Properties"]["DestinationConfig"]["OnFailure"]
    places = {
        place["Fn::GetAtt"][0][:-8]
        for place in (
            schedule["Target"]["DeadLetterConfig"]["Arn"],
            failed["Targets"][0]["Arn"],
            divided["Targets"][0]["DeadLetterConfig"]["Arn"],
            asynchronous["Destination"],
        )
    }
    assert places == {"WarehouseDeadLetterQueue"}
    assert any(name.startswith("WarehouseDeadLetterQueueAlarm") for name in built.resources("AWS::CloudWatch::Alarm"))


def test_loader_may_start_statements_and_redshift_may_read_records(synthesis: Synthesis) -> None:
    found = {
        name[:-8]: [
            statement for statement in resource["Properties"]["PolicyDocument"]["Statement"] if statement["Resource"]
        ]
        for name, resource in synthesis(defaults).resources("AWS::IAM::Policy").items()
    }
    copy = {str(statement["Action"]): statement["Resource"] for statement in found["WarehouseCopyPolicy"]}
    assert copy["s3:GetObject"]["Fn::Join"][1][1] == "/telemetry/*"
    loader = found["WarehouseFunctionRoleDefaultPolicy"]
    (start,) = (each for each in loader if "redshift-data:BatchExecuteStatement" in each["Action"])
    assert start["Resource"] == {"Fn::GetAtt": [start["Resource"]["Fn::GetAtt"][0], "Workgroup.WorkgroupArn"]}
    (listing,) = (each for each in loader if each["Action"] == "s3:ListBucket")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "telemetry/*"}}
    (reading,) = found["WarehouseDividePolicy"]
    assert reading["Action"] == "redshift-data:DescribeStatement"
    assert reading["Condition"] == {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}}


def test_one_key_encrypts_all_that_is_made(synthesis: Synthesis) -> None:
    built = synthesis(one_key_for_all)
    ((key, resource),) = built.resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    namespace = one(built, "AWS::RedshiftServerless::Namespace")["Properties"]
    assert namespace["KmsKeyId"] == namespace["AdminPasswordSecretKmsKeyId"] == arn
    assert one(built, "AWS::SQS::Queue")["Properties"]["KmsMasterKeyId"] == arn
    groups = built.resources("AWS::Logs::LogGroup").items()
    assert {str(group["Properties"].get("KmsKeyId")) for name, group in groups if name.startswith("Warehouse")} == {
        str(arn)
    }
    services = {
        str(statement["Principal"].get("Service")) for statement in resource["Properties"]["KeyPolicy"]["Statement"]
    }
    assert "events.amazonaws.com" in services
    for role in ("WarehouseFunctionRole", "WarehouseScheduleRole"):
        policies = built.resources("AWS::IAM::Policy").items()
        (policy,) = (each["Properties"] for name, each in policies if name.startswith(f"{role}DefaultPolicy"))
        (use,) = (each for each in policy["PolicyDocument"]["Statement"] if each["Resource"] == arn)
        assert {"kms:Decrypt", "kms:GenerateDataKey"} <= {action.removesuffix("*") for action in use["Action"]}


def test_analyst_runs_statements_in_this_workgroup_and_reads_own_results_only(synthesis: Synthesis) -> None:
    policies = synthesis(one_key_for_all).resources("AWS::IAM::Policy").items()
    (policy,) = (each["Properties"] for name, each in policies if name.startswith("Analyst"))
    starting, reading = policy["PolicyDocument"]["Statement"]
    assert starting["Action"] == ["redshift-data:ExecuteStatement", "redshift-serverless:GetCredentials"]
    assert starting["Resource"]["Fn::GetAtt"][1] == "Workgroup.WorkgroupArn"
    assert reading["Condition"] == {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}}


def test_logs_end_and_follow_the_removal_policy(synthesis: Synthesis) -> None:
    groups = synthesis(existing_resources).resources("AWS::Logs::LogGroup").items()
    (group,) = (each for name, each in groups if name.startswith("Warehouse"))
    assert (group["Properties"]["RetentionInDays"], group["DeletionPolicy"]) == (7, "Delete")


def test_alarm_and_metric_are_those_of_the_dead_letter_queue(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Alarmed")
    alarms = sns.Topic(stack, "Alarms")
    warehouse = BatchWarehouse(stack, "Warehouse", batch=layer(stack), alarm_topic=alarms)
    assert [alarm.node.id for alarm in warehouse.alarms] == ["DeadLetterQueueAlarm"]
    assert warehouse.metric_dead_letters().dimensions == {"QueueName": warehouse.dead_letter_queue.queue_name}


def test_loader_knows_the_columns_of_the_layer(synthesis: Synthesis) -> None:
    variables = one(synthesis(defaults), "AWS::Lambda::Function")["Properties"]["Environment"]["Variables"]
    assert json.loads(variables["COLUMNS"]) == {
        "message_id": "string",
        "at": "bigint",
        "thing": "string",
        "context": "string",
        "type": "string",
        "temperature": "double",
        "note": "string",
    }


def _warehouse(**options: Any) -> Callable[[Stack], object]:
    return lambda stack: BatchWarehouse(stack, "Warehouse", **({"batch": layer(stack)} | options))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_warehouse(base_capacity=4), "base_capacity is 4 RPU. Use 8 to 512"),
        (_warehouse(base_capacity=520), "base_capacity is 520 RPU"),
        (_warehouse(base_capacity=12), "base_capacity is 12 RPU. Use a multiple of 8"),
        (_warehouse(base_capacity=16, max_capacity=8), "max_capacity is 8 RPU. Use 16 to 512"),
        (
            lambda stack: _warehouse(vpc=network(stack, zones=2, isolated=True))(stack),
            "vpc has 2 isolated or private subnets. Give one with 3",
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
        BatchWarehouse(stack, "Warehouse", batch=layer(stack), alarm_topic=topic)
