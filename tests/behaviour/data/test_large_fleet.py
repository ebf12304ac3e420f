"""What the layers do as a large fleet has them: no windows in the speed layer."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack

from cdp_constructs import BatchLayer, SnsSqsFanout, SpeedLayer
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from tests.behaviour.data.test_telemetry_layers import READER

REGION = "us-east-1"


@architecture
def large_fleet(stack: Stack) -> None:
    destroy = RemovalPolicy.DESTROY
    speed = SpeedLayer(stack, "Speed", measures=["temperature"], windows=False, removal_policy=destroy)
    speed.add_threshold("TooHot", measure="temperature", above=30, recovers_at=28)
    operator = SnsSqsFanout(stack, "Alerts", topic=speed.topic).add_subscriber("Operator")
    batch = BatchLayer(stack, "Batch", columns={"temperature": "double"}, removal_policy=destroy)
    reader = add_function(stack, "Reader", handler=READER, description="Reads", invocation=Invocation.REQUEST)
    speed.share_with(reader)
    batch.share_with(reader)
    outputs = {
        "Stream": speed.stream.stream_name,
        "Table": speed.table.table_name,
        "Operator": operator.queue.queue_url,
        "Bucket": batch.bucket.bucket_name,
        "Deliveries": batch.delivery_stream.delivery_stream_name,
        "Reader": reader.function_name,
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Name", value=value)


class Fleet:
    """The deployed layers, and what devices put and operators and readers see."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        outputs = deployment.outputs["LargeFleetLargeFleet"].items()
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs}

    def client(self, service: str) -> Any:
        return self.cloud.client(service, REGION)

    def put(self, *records: dict[str, Any]) -> None:
        entries = [{"Data": json.dumps(each).encode(), "PartitionKey": each["thing"]} for each in records]
        answer = self.client("kinesis").put_records(StreamName=self.outputs["Stream"], Records=entries)
        assert answer["FailedRecordCount"] == 0

    def asked(self, thing: str) -> dict[str, Any]:
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs["Reader"], Payload=json.dumps({"thing": thing, "minutes": 30})
        )
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    def items(self, thing: str) -> list[str]:
        answer = self.client("dynamodb").query(
            TableName=self.outputs["Table"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"THING#{thing}"}},
        )
        return [item["sk"]["S"] for item in answer["Items"]]


@pytest.fixture(scope="module")
def fleet(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Fleet:
    return Fleet(local_cloud, deployed(large_fleet))


def readings(thing: str, *values: float) -> list[dict[str, Any]]:
    now = int(time.time() * 1000)
    return [
        {"thing": thing, "at": now + n, "message_id": f"{thing}-{n}", "temperature": value}
        for n, value in enumerate(values)
    ]


def test_without_windows_the_latest_state_and_alerts_are_there_and_nothing_else(fleet: Fleet) -> None:
    records = readings("windowless", 20, 31, 33)
    fleet.put(*records, *records)
    eventually(lambda: fleet.items("windowless"), within=30)
    (message,) = eventually(
        lambda: fleet.client("sqs").receive_message(QueueUrl=fleet.outputs["Operator"]).get("Messages"), within=30
    )
    alert = json.loads(message["Body"])
    assert (alert["thing"], alert["state"], alert["value"]) == ("windowless", "crossed", 31)
    assert fleet.items("windowless") == ["LATEST"]
    answer = eventually(lambda: (found := fleet.asked("windowless")).get("now") and found)
    assert answer == {"now": {"temperature": 33}, "minutes": []}
