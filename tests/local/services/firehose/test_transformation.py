"""Functions transform records of Firehose; what they fail to transform is kept below the error prefix."""

import base64
import json
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.firehose import transformation
from cdp_constructs.testing import eventually
from tests.local.resources import allow, arn, function, role

CODE = """
import base64, json

def handler(event, context):
    answers = []
    for record in event["records"]:
        text = base64.b64decode(record["data"]).decode()
        if text == "crash":
            raise RuntimeError("it does")
        answer = {"recordId": record["recordId"], "result": "Ok", "data": record["data"]}
        if text in ("Dropped", "ProcessingFailed"):
            answer["result"] = text
        elif text == "no text":
            answer["data"] = 7
        else:
            answer["data"] = base64.b64encode(f"{text.upper()}\\n".encode()).decode()
            answer["metadata"] = {"partitionKeys": {"kind": text.split()[0]}}
        answers.append(answer)
    return {"records": answers}
"""


def stream(role_name: str, prefix: str) -> dict[str, Any]:
    parameters = {"LambdaArn": arn("Function"), "RoleArn": arn(role_name), "NumberOfRetries": "1"}
    listed = [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()]
    destination = {
        "BucketARN": arn("Bucket"),
        "RoleARN": arn(role_name),
        "Prefix": f"{prefix}/kind=!{{partitionKeyFromLambda:kind}}/day=!{{timestamp:yyyy-MM-dd}}/",
        "ErrorOutputPrefix": f"{prefix}-errors/!{{firehose:error-output-type}}/",
        "FileExtension": ".txt",
        "BufferingHints": {"IntervalInSeconds": 900, "SizeInMBs": 64},
        "DynamicPartitioningConfiguration": {"Enabled": True},
        "ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": listed}]},
    }
    properties = {"ExtendedS3DestinationConfiguration": destination}
    return {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": properties}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    put = allow(["s3:PutObject"], {"Fn::Join": ["", [arn("Bucket"), "/*"]]})
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Own": role(),
        "Function": function(CODE, "Own"),
        "Role": role(put, allow(["lambda:InvokeFunction"], arn("Function")), service="firehose"),
        "Forbidden": role(put, service="firehose"),
        "Stream": stream("Role", "made"),
        "Refused": stream("Forbidden", "refused"),
    }
    names = ("Bucket", "Stream", "Refused")
    made: dict[str, str] = stacks.deploy(
        {"Resources": resources, "Outputs": {name: {"Value": {"Ref": name}} for name in names}}
    )
    return made


def deliver(cloud: LocalCloud, name: str, *texts: str) -> None:
    records = [{"Data": text.encode()} for text in texts]
    cloud.client("firehose").put_record_batch(DeliveryStreamName=name, Records=records)
    assert cloud.flush_delivery_stream(name, "us-east-1") == len(texts)


def objects(cloud: LocalCloud, bucket: str, prefix: str) -> dict[str, str]:
    s3 = cloud.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}


def failures(cloud: LocalCloud, bucket: str, prefix: str, number: int) -> list[tuple[int, str, str]]:
    def look() -> list[dict[str, Any]] | None:
        found = objects(cloud, bucket, f"{prefix}-errors/processing-failed/")
        return [json.loads(text) for text in found.values()] if len(found) == number else None

    documents = eventually(look, within=30, what="the documents")
    return sorted(
        (one["attemptsMade"], one["errorCode"], base64.b64decode(one["rawData"]).decode()) for one in documents
    )


def test_a_function_changes_drops_or_refuses_each_record_and_says_where_it_goes(
    cloud: LocalCloud, outputs: dict[str, str]
) -> None:
    deliver(cloud, outputs["Stream"], "a one", "b two", "Dropped", "ProcessingFailed", "no text", "a three")
    eventually(lambda: len(objects(cloud, outputs["Bucket"], "made/")) == 2, within=30)
    found = objects(cloud, outputs["Bucket"], "made/")
    assert sorted((key.split("/")[1], text) for key, text in found.items()) == [
        ("kind=a", "A ONE\nA THREE\n"),
        ("kind=b", "B TWO\n"),
    ]
    assert all(key.endswith(".txt") for key in found)
    assert failures(cloud, outputs["Bucket"], "made", 2) == [
        (1, "Lambda.ProcessingFailedStatus", "ProcessingFailed"),
        (1, "Lambda.ProcessingFailedStatus", "no text"),
    ]
    # It fails as a whole: each record of the batch is kept, after the retry.
    deliver(cloud, outputs["Stream"], "crash", "beside")
    assert failures(cloud, outputs["Bucket"], "made", 4)[2:] == [
        (2, "Lambda.FunctionError", "beside"),
        (2, "Lambda.FunctionError", "crash"),
    ]


def test_a_role_that_may_not_invoke_delivers_nothing(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    deliver(cloud, outputs["Refused"], "a one")
    assert failures(cloud, outputs["Bucket"], "refused", 1) == [(1, "Lambda.InvokeAccessDenied", "a one")]
    assert objects(cloud, outputs["Bucket"], "refused/") == {}


@pytest.mark.parametrize(("megabytes", "expected"), [(0.5, [1, 1, 1, 1, 1]), (1, [2, 2, 1]), (0.1, [1, 1, 1, 1, 1])])
def test_a_function_gets_no_more_at_once_than_its_parameter_says(megabytes: float, expected: list[int]) -> None:
    batch: list[Any] = [((str(number), b"x" * 400_000, 0.0), None) for number in range(5)]
    parts = list(transformation._parts(batch, megabytes * 1_048_576))
    assert [len(part) for part in parts] == expected
    assert [record for part in parts for record in part] == batch
