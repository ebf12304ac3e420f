"""Firehose gathers records by size and time and delivers them together; Athena asks for permissions on workgroups."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

REGION = "us-east-1"


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def role(*statements: dict[str, Any], principal: Any = None) -> dict[str, Any]:
    trusted = principal or {"Service": "firehose.amazonaws.com"}
    policies = [{"PolicyName": "all", "PolicyDocument": {"Statement": list(statements)}}] if statements else []
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusted}]
            },
            "Policies": policies,
        },
    }


def delivery(role_id: str, *, seconds: int, megabytes: int = 5) -> dict[str, Any]:
    return {
        "Type": "AWS::KinesisFirehose::DeliveryStream",
        "Properties": {
            "ExtendedS3DestinationConfiguration": {
                "BucketARN": arn("Bucket"),
                "RoleARN": arn(role_id),
                "Prefix": f"{role_id}-{seconds}/hour=!{{timestamp:yyyy-MM-dd-HH}}/",
                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
                "CompressionFormat": "GZIP",
                "BufferingHints": {"IntervalInSeconds": seconds, "SizeInMBs": megabytes},
            }
        },
    }


PUT = {
    "Effect": "Allow",
    "Action": "s3:PutObject",
    "Resource": {"Fn::Join": ["", [arn("Bucket"), "/Role-*"]]},
}
ATHENA = ["athena:StartQueryExecution", "athena:GetQueryExecution"]
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Role": role(PUT),
        "Forbidden": role(),
        "Brief": delivery("Role", seconds=1),
        "Small": delivery("Role", seconds=900, megabytes=1),
        "Refused": delivery("Forbidden", seconds=60),
        "Workgroup": {
            "Type": "AWS::Athena::WorkGroup",
            "Properties": {
                "Name": "conformance",
                "WorkGroupConfiguration": {
                    "ResultConfiguration": {
                        "OutputLocation": {"Fn::Join": ["", ["s3://", {"Ref": "Bucket"}, "/queries/"]]}
                    }
                },
            },
        },
        "Analyst": role(
            {
                "Effect": "Allow",
                "Action": ATHENA,
                "Resource": {
                    "Fn::Sub": "arn:aws:athena:${AWS::Region}:${AWS::AccountId}:workgroup/${Workgroup}",
                },
            },
            principal={"AWS": {"Ref": "AWS::AccountId"}},
        ),
    },
    "Outputs": {
        **{
            name: {"Value": {"Ref": name}} for name in ("Bucket", "Brief", "Small", "Refused", "Workgroup", "Forbidden")
        },
        "Analyst": {"Value": arn("Analyst")},
    },
}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(TEMPLATE)
    return deployed


def objects(cloud: LocalCloud, bucket: str, prefix: str) -> list[str]:
    answer = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for item in answer.get("Contents", [])]


def put(cloud: LocalCloud, name: str, *bodies: bytes) -> None:
    records = [{"Data": body} for body in bodies]
    answer = cloud.client("firehose").put_record_batch(DeliveryStreamName=name, Records=records)
    assert answer["FailedPutCount"] == 0


def test_records_of_an_interval_are_one_compressed_object(
    outputs: dict[str, str], cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    lines = [f"{number}\n".encode() for number in range(3)]
    began = datetime.now(UTC)
    put(cloud, outputs["Brief"], *lines)
    (key,) = eventually(lambda: objects(cloud, outputs["Bucket"], "Role-1/"), within=10)
    # Not the day of now: it may have ended since.
    assert f"Role-1/hour={began:%Y-%m-%d-%H}" <= key < f"Role-1/hour={datetime.now(UTC):%Y-%m-%d-%H}~"
    assert key.endswith(".gz")
    content = cloud.client("s3").get_object(Bucket=outputs["Bucket"], Key=key)["Body"].read()
    assert gzip.decompress(content) == b"".join(lines)
    dimensions = [{"Name": "DeliveryStreamName", "Value": outputs["Brief"]}]

    def published() -> bool:  # a moment after the object
        metrics = cloud.client("cloudwatch").list_metrics(Namespace="AWS/Firehose", Dimensions=dimensions)["Metrics"]
        return "DeliveryToS3.DataFreshness" in {metric["MetricName"] for metric in metrics}

    eventually(published)


def test_full_buffer_does_not_wait(outputs: dict[str, str], cloud: LocalCloud, eventually: Callable[..., Any]) -> None:
    put(cloud, outputs["Small"], b"first")
    assert objects(cloud, outputs["Bucket"], "Role-900/") == []
    put(cloud, outputs["Small"], b"x" * 600_000, b"y" * 600_000)
    eventually(lambda: len(objects(cloud, outputs["Bucket"], "Role-900/")) == 1, within=10)


def test_nothing_is_delivered_that_the_role_may_not_put_and_it_is_tried_again(
    outputs: dict[str, str], cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    put(cloud, outputs["Refused"], b"kept")
    assert cloud.flush_delivery_stream(outputs["Refused"], REGION) == 1
    # It is in the buffer again, and not in the bucket.
    eventually(lambda: cloud.flush_delivery_stream(outputs["Refused"], REGION) == 1, within=10)
    assert objects(cloud, outputs["Bucket"], "Forbidden-60/") == []
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{outputs['Bucket']}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("iam").put_role_policy(RoleName=outputs["Forbidden"], PolicyName="put", PolicyDocument=document)
    eventually(lambda: objects(cloud, outputs["Bucket"], "Forbidden-60/"), within=15)


def test_query_is_guarded_by_its_workgroup(outputs: dict[str, str], cloud: LocalCloud) -> None:
    session = cloud.client("sts").assume_role(RoleArn=outputs["Analyst"], RoleSessionName="test")["Credentials"]
    analyst, root = cloud.client("athena", REGION, session), cloud.client("athena", REGION)
    mine = analyst.start_query_execution(QueryString="SELECT 1", WorkGroup=outputs["Workgroup"])["QueryExecutionId"]
    assert analyst.get_query_execution(QueryExecutionId=mine)["QueryExecution"]["WorkGroup"] == outputs["Workgroup"]
    root.create_work_group(
        Name="another",
        Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{outputs['Bucket']}/another/"}},
    )
    other = root.start_query_execution(QueryString="SELECT 1", WorkGroup="another")["QueryExecutionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        analyst.get_query_execution(QueryExecutionId=other)
