"""What the layers do as a large fleet has them: no windows in the speed layer, provisioned capacity, Firehose reads the
stream, and records have the measurements that a device gathered."""

import base64
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack

from cdp_constructs import BatchLayer, SnsSqsFanout, SpeedLayer, TableCapacity
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from tests.behaviour.data.test_telemetry_layers import READER

REGION = "us-east-1"


@architecture
def large_fleet(stack: Stack) -> None:
    destroy = RemovalPolicy.DESTROY
    speed = SpeedLayer(
        stack,
        "Speed",
        measures=["temperature"],
        windows=False,
        shards=2,
        table_capacity=TableCapacity(min_writes=20, max_writes=200, min_reads=4, max_reads=40),
        removal_policy=destroy,
    )
    speed.add_threshold("TooHot", measure="temperature", above=30, recovers_at=28)
    operator = SnsSqsFanout(stack, "Alerts", topic=speed.topic).add_subscriber("Operator")
    batch = BatchLayer(
        stack, "Batch", columns={"temperature": "double"}, stream=speed.stream, gathered=True, removal_policy=destroy
    )
    sql = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'dt/home/+/+/+'"
    speed.add_rule(TopicRule(stack, "Telemetry", sql=sql, description="Telemetry into the stream"))
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
        "Rejected": speed.record_dead_letter_queue.queue_url,
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Name", value=value)


def stored_in(cloud: LocalCloud, bucket: str) -> list[dict[str, Any]]:
    """Return all rows that a batch layer has in its bucket."""
    s3, found = cloud.client("s3", REGION), []
    for item in s3.list_objects_v2(Bucket=bucket, Prefix="telemetry/").get("Contents", []):
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            Path(file.name).write_bytes(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            rows = duckdb.read_parquet(file.name)
            found += [dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()]
    return found


class Fleet:
    """The deployed layers, and what devices put and operators and readers see."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        outputs = deployment.outputs["LargeFleetLargeFleet"].items()
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs}
        self._letters: dict[str, dict[str, Any]] = {}

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

    def publish(self, thing: str, **fields: Any) -> None:
        """Publish telemetry as a device does."""
        topic, payload = f"dt/home/tokyo/{thing}/climate", json.dumps(fields).encode()
        self.client("iot-data").publish(topic=topic, qos=1, payload=payload)

    def stored(self, thing: str) -> list[dict[str, Any]]:
        """The rows of a thing in S3, by time, after Firehose delivered what it gathered."""
        self.cloud.flush_delivery_stream(self.outputs["Deliveries"], REGION)
        rows = stored_in(self.cloud, self.outputs["Bucket"])
        return sorted((row for row in rows if row["thing"] == thing), key=lambda row: row["at"])

    def rejected(self, reason: str) -> list[dict[str, Any]]:
        """The records in the dead-letter queue with a reason, those included that were received before."""
        queue = self.outputs["Rejected"]
        answer = self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        self._letters |= {one["MessageId"]: json.loads(one["Body"]) for one in answer.get("Messages", [])}
        return [letter for letter in self._letters.values() if letter["reason"] == reason]

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


def test_firehose_has_each_record_of_the_stream_once(fleet: Fleet) -> None:
    now = int(time.time() * 1000)
    for number in range(5):
        fleet.publish("published", at=now + number, message_id=f"p-{number}", temperature=number)
    fleet.put(*readings("put", *range(50)))
    eventually(lambda: len(fleet.stored("published")) >= 5 and len(fleet.stored("put")) >= 50, within=30)
    rows = fleet.stored("published")
    assert [(row["message_id"], row["temperature"], row["context"]) for row in rows] == [
        (f"p-{number}", number, "tokyo") for number in range(5)
    ]
    assert [row["temperature"] for row in fleet.stored("put")] == list(range(50))
    # The speed layer read the same records.
    assert eventually(lambda: fleet.asked("published")["now"].get("temperature") == 4)
    errors = fleet.client("s3").list_objects_v2(
        Bucket=fleet.outputs["Bucket"], Prefix="errors/format-conversion-failed/"
    )
    assert errors["KeyCount"] == 0


def test_gathered_measurements_are_records_of_their_own_and_a_poison_one_costs_only_itself(fleet: Fleet) -> None:
    now = int(time.time() * 1000)
    sound = [{"at": now + n, "message_id": f"g-{n}", "temperature": 20 + n} for n in range(3)]
    poison = {"at": now + 3, "message_id": "g-poison", "temperature": "hot"}
    fleet.publish("gathers", measurements=[*sound[:2], poison, sound[2]])
    # The same once more, as a device does that did not see the confirmation; and one that was sent alone.
    fleet.publish("gathers", measurements=sound)
    fleet.publish("gathers", at=now + 4, message_id="g-4", temperature=24)
    assert eventually(lambda: (fleet.asked("gathers")["now"] or {}).get("temperature") == 24, within=30)
    rows = eventually(lambda: len(found := fleet.stored("gathers")) >= 7 and found, within=30)
    assert {row["message_id"]: row["temperature"] for row in rows} == {
        **{f"g-{n}": 20 + n for n in range(3)},
        "g-4": 24,
    }
    assert {row["context"] for row in rows} == {"tokyo"}
    minutes = fleet.asked("gathers")["minutes"]
    assert sum(minute["messages"] for minute in minutes) == 4, "each message id once"
    # Both layers kept the poison one, and its reason.
    s3, bucket = fleet.client("s3"), fleet.outputs["Bucket"]
    kept = s3.list_objects_v2(Bucket=bucket, Prefix="errors/measurements/").get("Contents", [])
    lines = [s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode().splitlines() for item in kept]
    (line,) = [json.loads(line) for some in lines for line in some]
    assert (line["record"], line["thing"]) == (poison, "gathers")
    reason = "measurement 2: temperature is 'hot' and no finite number"
    assert len(eventually(lambda: fleet.rejected(reason), within=30, what="the dead letter")) == 1


def test_what_cannot_be_split_is_kept_whole(fleet: Fleet) -> None:
    fleet.publish("flood", measurements=[{"at": 1}] * 201)
    fleet.put(*readings("beside", 20))
    eventually(lambda: len(fleet.stored("beside")) == 1, within=30)
    s3, bucket = fleet.client("s3"), fleet.outputs["Bucket"]

    def kept() -> list[Any]:
        found = s3.list_objects_v2(Bucket=bucket, Prefix="errors/processing-failed/").get("Contents", [])
        bodies = [json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()) for item in found]
        return [json.loads(base64.b64decode(body["rawData"])) for body in bodies]

    (whole,) = eventually(lambda: fleet.stored("flood") == [] and kept(), within=30)
    assert (whole["thing"], len(whole["measurements"])) == ("flood", 201)


def test_reader_has_minutes_from_the_batch_layer_after_the_load(fleet: Fleet) -> None:
    fleet.put(*readings("loaded", 20, 22))
    eventually(lambda: len(fleet.stored("loaded")) >= 2, within=30)
    (answer,) = [eventually(lambda: (found := fleet.asked("loaded")).get("minutes") and found, within=30)]
    assert answer["now"] == {"temperature": 22}
    assert sum(minute["messages"] for minute in answer["minutes"]) == 2
    assert {minute["layer"] for minute in answer["minutes"]} == {"batch"}


def test_stream_and_table_have_the_capacity_that_was_asked_for(fleet: Fleet) -> None:
    stream = fleet.client("kinesis").describe_stream_summary(StreamName=fleet.outputs["Stream"])
    assert stream["StreamDescriptionSummary"]["OpenShardCount"] == 2
    table = fleet.client("dynamodb").describe_table(TableName=fleet.outputs["Table"])["Table"]
    assert table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED") == "PROVISIONED"
    capacity = table["ProvisionedThroughput"]
    assert (capacity["WriteCapacityUnits"], capacity["ReadCapacityUnits"]) == (20, 4)
