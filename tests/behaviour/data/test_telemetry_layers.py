"""What SpeedLayer, BatchLayer and the serving view do with telemetry, seen by devices, operators and readers."""

import base64
import itertools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from botocore.exceptions import ClientError

from cdp_constructs import BatchLayer, SnsSqsFanout, SpeedLayer
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from telemetry_view import BatchView, ServingView, SpeedView, Window

REGION = "us-east-1"
MINUTE = timedelta(minutes=1)
READER = Path(__file__).parents[3] / "docs/examples/minutes_of_a_thing"
things = (f"desk-{number}" for number in itertools.count())
messages = (f"m-{number}" for number in itertools.count())


@architecture
def telemetry(stack: Stack) -> None:
    # With a customer-managed key, so that a missing grant on it would be seen.
    key, destroy = kms.Key(stack, "Key", enable_key_rotation=True), RemovalPolicy.DESTROY
    speed = SpeedLayer(stack, "Speed", measures=["temperature"], encryption_key=key, removal_policy=destroy)
    speed.add_threshold("TooHot", measure="temperature", above=30, recovers_at=28)
    operator = SnsSqsFanout(stack, "Alerts", topic=speed.topic).add_subscriber("Operator")
    batch = BatchLayer(stack, "Batch", columns={"temperature": "double"}, encryption_key=key, removal_policy=destroy)
    sql = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'dt/home/+/+/+'"
    rule = TopicRule(stack, "Telemetry", sql=sql, description="Telemetry into both layers")
    speed.add_rule(rule)
    batch.add_rule(rule)
    reader = add_function(stack, "Reader", handler=READER, description="Reads", invocation=Invocation.REQUEST)
    speed.share_with(reader)
    batch.share_with(reader)
    longer = SpeedLayer(
        stack, "Longer", measures=["temperature"], window_length=Duration.minutes(10), removal_policy=destroy
    )
    longer.add_rule(rule)
    reads_longer = add_function(
        stack, "LongerReader", handler=READER, description="Reads", invocation=Invocation.REQUEST
    )
    longer.share_with(reads_longer)
    batch.share_with(reads_longer)
    producer, stranger = (
        iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal()) for name in ("Producer", "Stranger")
    )
    speed.grant_put(producer)
    batch.grant_put(producer)
    # So that a record can take the function down, and that it need not do so 21 times.
    layer = lambda_.LayerVersion(
        stack, "Dying", code=lambda_.Code.from_asset(str(Path(__file__).parent / "dying_function"))
    )
    speed.function.add_layers(layer)
    resource = speed.function.node.default_child
    resource.handler = "dying.handler"  # type: ignore[union-attr]
    mapping = speed.node.find_child("Records").node.default_child
    mapping.maximum_retry_attempts = 1  # type: ignore[union-attr]
    outputs = {
        "Stream": speed.stream.stream_name,
        "Table": speed.table.table_name,
        "Errors": speed.record_dead_letter_queue.queue_url,
        "Failed": speed.dead_letter_queue.queue_url,
        "RuleErrors": rule.dead_letter_queue.queue_url,
        "Operator": operator.queue.queue_url,
        "Bucket": batch.bucket.bucket_name,
        "Deliveries": batch.delivery_stream.delivery_stream_name,
        "Reader": reader.function_name,
        "LongerTable": longer.table.table_name,
        "LongerReader": reads_longer.function_name,
        "ProducerRole": producer.role_arn,
        "StrangerRole": stranger.role_arn,
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Name", value=value)


class Telemetry:
    """The deployed layers, and what devices, operators and readers do with them."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        outputs = deployment.outputs["TelemetryLayersTelemetry"].items()
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs}
        database = boto3.resource(
            "dynamodb",
            region_name=REGION,
            endpoint_url=cloud.endpoint,
            aws_access_key_id=cloud.root.access_key_id,
            aws_secret_access_key=cloud.root.secret_access_key,
        )
        self.speed = SpeedView(database.Table(self.outputs["Table"]))
        functions = cloud.client("lambda", REGION)
        reader = functions.get_function_configuration(FunctionName=self.outputs["Reader"])
        self.settings = json.loads(reader["Environment"]["Variables"]["BATCH_LAYER"])
        self.received: dict[str, list[dict[str, Any]]] = {}
        self.since = datetime.now(UTC)

    def client(self, service: str) -> Any:
        return self.cloud.client(service, REGION)

    def publish(self, thing: str, payload: bytes | None = None, **fields: Any) -> str:
        """Publish telemetry as a device does; return its message id."""
        message_id = fields.setdefault("message_id", next(messages))
        fields.setdefault("at", milliseconds(datetime.now(UTC)))
        content = json.dumps(fields).encode() if payload is None else payload
        self.client("iot-data").publish(topic=f"dt/home/tokyo/{thing}/climate", qos=1, payload=content)
        return str(message_id)

    def put(self, *records: dict[str, Any] | bytes, partition: str = "p") -> None:
        """Put records straight into the speed layer, in one batch."""
        entries = [
            {"Data": each if isinstance(each, bytes) else json.dumps(each).encode(), "PartitionKey": partition}
            for each in records
        ]
        answer = self.client("kinesis").put_records(StreamName=self.outputs["Stream"], Records=entries)
        assert answer["FailedRecordCount"] == 0

    def queue(self, name: str) -> list[dict[str, Any]]:
        """Every message that a queue has had so far."""
        sqs, url = self.client("sqs"), self.outputs[name]
        received = self.received.setdefault(name, [])
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            received.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received

    def windows(self, thing: str) -> list[Window]:
        now = datetime.now(UTC)
        return self.speed.windows(thing, now - 30 * MINUTE, now + MINUTE)

    def counted(self, thing: str, number: int) -> list[Window]:
        """The windows of a thing, once they have this many messages."""
        eventually(lambda: sum(window.messages for window in self.windows(thing)) >= number, within=30)
        found = self.windows(thing)
        assert sum(window.messages for window in found) == number
        return found

    def batch(
        self, clock: Callable[[], datetime] = lambda: datetime.now(UTC), window_length: timedelta = MINUTE
    ) -> BatchView:
        return BatchView(
            athena=self.client("athena"),
            cloudwatch=self.client("cloudwatch"),
            settings=self.settings,
            clock=clock,
            window_length=window_length,
        )

    def objects(self, prefix: str) -> list[str]:
        answer = self.client("s3").list_objects_v2(Bucket=self.outputs["Bucket"], Prefix=prefix)
        return [item["Key"] for item in answer.get("Contents", [])]

    def deliver(self) -> None:
        """Let Firehose deliver what it gathered, and wait until it is in S3."""
        before = self.objects("telemetry/") + self.objects("errors/")
        assert self.cloud.flush_delivery_stream(self.outputs["Deliveries"], REGION) > 0
        eventually(lambda: set(self.objects("telemetry/") + self.objects("errors/")) - set(before))

    def load(self, until: datetime, at: datetime) -> BatchView:
        """Report, as Firehose would later at ``at``, that everything that arrived before ``until`` is in S3."""
        minute = at.replace(second=0, microsecond=0)
        value = (minute - MINUTE - until).total_seconds()
        self.cloud.metrics.emit(
            "AWS/Firehose",
            "DeliveryToS3.DataFreshness",
            value,
            region=REGION,
            dimensions={"DeliveryStreamName": self.outputs["Deliveries"]},
            at=minute,
        )
        return self.batch(lambda: minute + MINUTE)


@pytest.fixture(scope="module")
def deployed_telemetry(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Telemetry:
    return Telemetry(local_cloud, deployed(telemetry))


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def test_telemetry_is_in_both_layers_and_they_agree(deployed_telemetry: Telemetry) -> None:
    thing = next(things)
    for value in (20, 21.5, 19):
        deployed_telemetry.publish(thing, temperature=value)
    live = deployed_telemetry.counted(thing, 3)
    latest = deployed_telemetry.speed.latest(thing)
    assert latest is not None
    assert (latest.context, latest.type, latest.fields["temperature"].value) == ("tokyo", "climate", 19)
    deployed_telemetry.deliver()
    now = datetime.now(UTC)
    stored = deployed_telemetry.batch().windows(thing, now - 30 * MINUTE, now + MINUTE)
    assert [(w.start, w.messages, dict(w.measures)) for w in stored] == [
        (w.start, w.messages, dict(w.measures)) for w in live
    ]
    (key, *_) = deployed_telemetry.objects("telemetry/")
    # Not the day of now: it may have ended since.
    first, last = (f"telemetry/hour={moment:%Y-%m-%d-%H}" for moment in (deployed_telemetry.since, datetime.now(UTC)))
    assert first <= key < f"{last}~"
    assert key.endswith(".parquet")


def test_malformed_records_are_set_aside_and_those_behind_them_arrive(deployed_telemetry: Telemetry) -> None:
    thing, now = next(things), milliseconds(datetime.now(UTC))
    good = [{"thing": thing, "at": now, "message_id": f"{thing}-{n}", "temperature": n} for n in range(4)]
    poison = f"{thing} is no JSON".encode()
    deployed_telemetry.put(*good[:2], poison, {"thing": thing, "at": "noon"}, *good[2:], partition=thing)
    deployed_telemetry.counted(thing, 4)

    def set_aside() -> list[bytes]:
        return [
            data
            for message in deployed_telemetry.queue("Errors")
            if thing.encode() in (data := base64.b64decode(message["data"]))
        ]

    eventually(lambda: len(set_aside()) == 2)
    assert poison in set_aside()


def test_record_that_takes_the_function_down_is_isolated(deployed_telemetry: Telemetry) -> None:
    thing, now = next(things), milliseconds(datetime.now(UTC))
    records = [{"thing": thing, "at": now, "message_id": f"{thing}-{n}", "temperature": n} for n in range(6)]
    records[2]["note"] = "deadly"
    deployed_telemetry.put(*records, partition=thing)
    (given_up,) = eventually(lambda: deployed_telemetry.queue("Failed"), within=60)
    batch = given_up["KinesisBatchInfo"]
    assert batch["batchSize"] == 1
    (window,) = deployed_telemetry.counted(thing, 5)
    assert window.measures["temperature"].sum == 0 + 1 + 3 + 4 + 5
    # Its place in the stream is enough to find it again.
    kinesis = deployed_telemetry.client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName=deployed_telemetry.outputs["Stream"],
        ShardId=batch["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=batch["startSequenceNumber"],
    )["ShardIterator"]
    assert b"deadly" in kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"][0]["Data"]


def test_duplicates_count_once_and_late_ones_where_they_belong(deployed_telemetry: Telemetry) -> None:
    thing, now = next(things), datetime.now(UTC)
    message_id = deployed_telemetry.publish(thing, temperature=20, at=milliseconds(now))
    deployed_telemetry.publish(thing, temperature=20, at=milliseconds(now), message_id=message_id)
    deployed_telemetry.publish(thing, temperature=25, at=milliseconds(now - 10 * MINUTE))
    deployed_telemetry.publish(thing, temperature=21, at=milliseconds(now))
    late, on_time = deployed_telemetry.counted(thing, 3)
    assert (late.messages, late.measures["temperature"].max) == (1, 25)
    assert (on_time.messages, on_time.measures["temperature"].sum) == (2, 41)
    latest = deployed_telemetry.speed.latest(thing)
    assert latest is not None
    assert latest.fields["temperature"].value in {20, 21}


def test_window_that_expired_is_left_out_before_dynamodb_deletes_it(deployed_telemetry: Telemetry) -> None:
    thing = next(things)
    deployed_telemetry.publish(thing, temperature=20)
    (window,) = deployed_telemetry.counted(thing, 1)
    deployed_telemetry.client("dynamodb").update_item(
        TableName=deployed_telemetry.outputs["Table"],
        Key={"pk": {"S": f"THING#{thing}"}, "sk": {"S": f"WINDOW#{window.start:%Y-%m-%dT%H:%MZ}"}},
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
    )
    assert deployed_telemetry.windows(thing) == []
    assert deployed_telemetry.speed.latest(thing) is not None


def test_operator_hears_once_of_a_crossing_and_once_of_the_recovery(deployed_telemetry: Telemetry) -> None:
    thing, start = next(things), milliseconds(datetime.now(UTC))
    values = [29, 31, 33, 29, 31, 27, 29]
    records = [
        {"thing": thing, "at": start + n, "message_id": f"{thing}-{n}", "temperature": value}
        for n, value in enumerate(values)
    ]
    for each in records:
        deployed_telemetry.put(each, partition=thing)
    deployed_telemetry.put(*records, partition=thing)  # and all of it once more

    def alerts() -> list[tuple[str, float]]:
        return [(a["state"], a["value"]) for a in deployed_telemetry.queue("Operator") if a["thing"] == thing]

    eventually(lambda: len(alerts()) >= 2, within=30)
    deployed_telemetry.counted(thing, len(values))
    # Whatever were published after these two would be here with the next one.
    deployed_telemetry.put({"thing": thing, "at": start + 100, "message_id": "last", "temperature": 40})
    eventually(lambda: len(alerts()) >= 3, within=30)
    assert sorted(alerts()) == [("crossed", 31), ("crossed", 40), ("recovered", 27)]


def test_throttled_stream_sends_telemetry_to_the_rules_error_queue(deployed_telemetry: Telemetry) -> None:
    thing = next(things)
    throttled = {"error": "ProvisionedThroughputExceededException", "status": 400}
    with deployed_telemetry.cloud.inject_fault("kinesis", REGION, operation="PutRecord", **throttled):
        deployed_telemetry.publish(thing, temperature=20)

        def kept() -> list[bytes]:
            return [
                payload
                for message in deployed_telemetry.queue("RuleErrors")
                if thing in str(message) and (payload := base64.b64decode(message["base64OriginalPayload"]))
            ]

        (payload,) = eventually(kept, within=30)
    # Put again as it was, it counts.
    deployed_telemetry.publish(thing, payload)
    deployed_telemetry.counted(thing, 1)


def test_only_those_who_were_granted_put_records(deployed_telemetry: Telemetry) -> None:
    sts = deployed_telemetry.client("sts")

    def put_as(role: str) -> None:
        session = sts.assume_role(RoleArn=deployed_telemetry.outputs[role], RoleSessionName="test")["Credentials"]
        data = json.dumps({"thing": next(things), "at": 1, "temperature": 1}).encode()
        clients = deployed_telemetry.cloud
        clients.client("kinesis", REGION, session).put_record(
            StreamName=deployed_telemetry.outputs["Stream"], Data=data, PartitionKey="p"
        )
        clients.client("firehose", REGION, session).put_record(
            DeliveryStreamName=deployed_telemetry.outputs["Deliveries"], Record={"Data": data + b"\n"}
        )

    put_as("ProducerRole")
    with pytest.raises(ClientError, match="AccessDenied"):
        put_as("StrangerRole")


def test_record_that_does_not_fit_the_schema_is_kept_with_the_reason_and_the_others_are_stored(
    deployed_telemetry: Telemetry,
) -> None:
    thing, now = next(things), datetime.now(UTC)
    firehose = deployed_telemetry.client("firehose")
    at = milliseconds(now)
    lines = [{"thing": thing, "at": at, "message_id": str(n), "temperature": n} for n in range(3)]
    lines.insert(1, {"thing": thing, "at": at, "message_id": "odd", "temperature": "hot"})
    firehose.put_record_batch(
        DeliveryStreamName=deployed_telemetry.outputs["Deliveries"],
        Records=[{"Data": json.dumps(line).encode() + b"\n"} for line in lines],
    )
    deployed_telemetry.deliver()
    (window,) = deployed_telemetry.batch().windows(thing, now - MINUTE, now + MINUTE)
    assert (window.messages, window.measures["temperature"].sum) == (3, 3)
    (key,) = eventually(lambda: deployed_telemetry.objects("errors/format-conversion-failed/"))
    document = deployed_telemetry.client("s3").get_object(Bucket=deployed_telemetry.outputs["Bucket"], Key=key)
    error = json.loads(document["Body"].read())
    assert json.loads(base64.b64decode(error["rawData"]))["message_id"] == "odd"


def test_serving_view_has_every_record_once_before_between_and_after_loads(deployed_telemetry: Telemetry) -> None:
    thing, now = next(things), datetime.now(UTC)
    start, end = now - 10 * MINUTE, now + 2 * MINUTE
    minutes = [now - n * MINUTE for n in (5, 4, 3)]

    def answered(view: BatchView) -> list[tuple[int, str]]:
        served = ServingView(deployed_telemetry.speed, view).windows(thing, start, end)
        return [(window.messages, window.layer) for window in served]

    for minute in minutes:
        deployed_telemetry.publish(thing, temperature=20, at=milliseconds(minute))
    deployed_telemetry.counted(thing, 3)
    assert answered(deployed_telemetry.batch()) == [(1, "speed")] * 3
    deployed_telemetry.deliver()
    # Delivered, but not reported yet: still counted once, by the layer that answered before.
    assert answered(deployed_telemetry.batch()) == [(1, "speed")] * 3
    loaded = deployed_telemetry.load(until=datetime.now(UTC), at=now + 2 * MINUTE)
    assert answered(loaded) == [(1, "batch")] * 3
    time.sleep(0.01)  # what follows arrives after the watermark, which has milliseconds
    deployed_telemetry.publish(thing, temperature=25, at=milliseconds(minutes[1]))
    deployed_telemetry.publish(thing, temperature=26, at=milliseconds(now))
    deployed_telemetry.counted(thing, 5)
    assert answered(loaded) == [(1, "batch"), (2, "speed"), (1, "batch"), (1, "speed")]
    deployed_telemetry.deliver()
    assert answered(loaded) == [(1, "batch"), (2, "speed"), (1, "batch"), (1, "speed")]
    loaded_again = deployed_telemetry.load(until=datetime.now(UTC), at=now + 4 * MINUTE)
    assert answered(loaded_again) == [(1, "batch"), (2, "batch"), (1, "batch"), (1, "batch")]


def test_longer_windows_are_the_same_in_both_layers_and_their_readers_know_how_long(
    deployed_telemetry: Telemetry,
) -> None:
    thing, now = next(things), datetime.now(UTC)
    start = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0) - 20 * MINUTE
    for minutes, value in ((0, 20), (9.9, 22), (10, 30)):
        deployed_telemetry.publish(thing, temperature=value, at=milliseconds(start + minutes * MINUTE))
    deployed_telemetry.counted(thing, 3)  # of a minute each
    client = deployed_telemetry.client("lambda")

    def served() -> list[tuple[str, int, float, str]]:
        event = json.dumps({"thing": thing, "minutes": 40})
        answer = client.invoke(FunctionName=deployed_telemetry.outputs["LongerReader"], Payload=event)
        return [
            (each["start"], each["messages"], each["temperature"], each["layer"])
            for each in json.loads(answer["Payload"].read())["minutes"]
        ]

    begins = [(start + minutes * MINUTE).isoformat() for minutes in (0, 10)]
    expected = [(begins[0], 2, 21, "speed"), (begins[1], 1, 30, "speed")]
    eventually(lambda: served() == expected, within=30, what="windows of ten minutes")
    deployed_telemetry.deliver()
    stored = deployed_telemetry.batch(window_length=10 * MINUTE).windows(thing, start, now)
    assert [(each.start.isoformat(), each.messages, each.measures["temperature"].mean) for each in stored] == [
        each[:3] for each in expected
    ]


def test_function_answers_from_both_layers(deployed_telemetry: Telemetry) -> None:
    thing = next(things)
    deployed_telemetry.publish(thing, temperature=22)
    deployed_telemetry.counted(thing, 1)
    functions = deployed_telemetry.client("lambda")
    event = json.dumps({"thing": thing, "minutes": 30})
    answer = functions.invoke(FunctionName=deployed_telemetry.outputs["Reader"], Payload=event)
    result = json.loads(answer["Payload"].read())
    assert "now" in result, result
    assert result["now"] == {"temperature": 22}
    assert [(minute["messages"], minute["temperature"]) for minute in result["minutes"]] == [(1, 22)]
