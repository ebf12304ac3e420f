"""What BatchWarehouse promises in its templates; Redshift does not run in the embedded cloud."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import BatchLayer, BatchWarehouse, InvalidOptionError
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.batch_warehouse import build as example


def layer(stack: Stack) -> BatchLayer:
    return BatchLayer(stack, "Batch", columns={"temperature": "double", "note": "string"})


@architecture
def defaults(stack: Stack) -> BatchWarehouse:
    return BatchWarehouse(stack, "Warehouse", batch=layer(stack))


def network(stack: Stack, zones: int = 3) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=[f"us-east-1{zone}" for zone in "abc"[:zones]],
        isolated_subnet_ids=[f"subnet-{zone}" for zone in "abc"[:zones]],
    )


@architecture
def everything_brought(stack: Stack) -> BatchWarehouse:
    bucket = s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::brought")
    return BatchWarehouse(
        stack,
        "Warehouse",
        batch=BatchLayer(stack, "Batch", columns={"temperature": "double"}, bucket=bucket),
        vpc=network(stack),
        base_capacity=16,
        max_capacity=64,
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def two_in_one_stack(stack: Stack) -> list[BatchWarehouse]:
    batch = layer(stack)
    return [BatchWarehouse(stack, name, batch=batch, vpc=vpc) for vpc in [network(stack)] for name in ("One", "Two")]


@architecture
def inside_a_stage(app: App) -> BatchWarehouse:
    return defaults(Stack(Stage(app, "WarehouseStage"), "Service"))


architecture(example)
MAIN = [defaults, everything_brought]
EVERY = [*MAIN, two_in_one_stack, inside_a_stage, example]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


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
    built = synthesis(everything_brought)
    schedule = one(built, "AWS::Scheduler::Schedule")["Properties"]
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    (rule,) = (
        resource["Properties"]
        for name, resource in built.resources("AWS::Events::Rule").items()
        if name.startswith("WarehouseFailedLoads")
    )
    assert rule["EventPattern"]["detail"]["state"] == ["FAILED", "ABORTED"]
    asynchronous = one(built, "AWS::Lambda::EventInvokeConfig")["Properties"]["DestinationConfig"]["OnFailure"]
    places = {
        place["Fn::GetAtt"][0][:-8]
        for place in (
            schedule["Target"]["DeadLetterConfig"]["Arn"],
            rule["Targets"][0]["Arn"],
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
            lambda stack: _warehouse(vpc=network(stack, zones=2))(stack),
            "vpc has 2 isolated or private subnets. Give one with 3",
        ),
    ],
)
def test_bad_input_is_refused_where_it_is_given(cdk_app: App, build: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        build(Stack(cdk_app, "Refused"))
