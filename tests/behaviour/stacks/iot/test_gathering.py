"""A fleet whose devices gather, on the embedded cloud: the real program of the device, and when what is known of it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack

from cdp_constructs import Aggregation, DeviceFleet, SnsSqsFanout, SpeedLayer
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from demo.iot.fleet import Fleet, Room

REGION = "us-east-1"
GATHERED_SECONDS = 30
CATCH_UP_SECONDS = 6.0
NAMES = [f"hygrometer-{number:02}" for number in range(12)]
WITHIN = 10


@architecture
def gathering(stack: Stack) -> None:
    destroy = RemovalPolicy.DESTROY
    fleet = DeviceFleet(stack, "Fleet", app="gather", contexts=["home"], removal_policy=destroy)
    speed = SpeedLayer(stack, "Speed", measures=["temperature", "humidity"], removal_policy=destroy)
    too_hot = speed.add_threshold("TooHot", measure="temperature", above=35, recovers_at=33)
    fleet.gather(Duration.seconds(GATHERED_SECONDS), thresholds=[too_hot])
    Aggregation(stack, "Climate", fleet=fleet, kind="climate", stream=speed.stream).use_basic_ingest()
    operator = SnsSqsFanout(stack, "Alerts", topic=speed.topic).add_subscriber("Operator")
    outputs = {
        "AllowList": fleet.table.table_name,
        "Template": fleet.provisioning_template.ref,
        "ClaimPolicy": fleet.claim_policy.ref,
        "Stream": speed.stream.stream_name,
        "Table": speed.table.table_name,
        "Operator": operator.queue.queue_url,
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Name", value=value)


class Home:
    """The deployed fleet and what its operators see."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        (outputs,) = deployment.outputs.values()
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs.items()}
        for name in NAMES:
            item = {"serial_number": {"S": name}, "context": {"S": "home"}}
            self.client("dynamodb").put_item(TableName=self.outputs["AllowList"], Item=item)
        iot = self.client("iot")
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_policy(policyName=self.outputs["ClaimPolicy"], target=made["certificateArn"])
        self._claim = made["certificatePem"] + made["keyPair"]["PrivateKey"]

    def client(self, service: str) -> Any:
        return self.cloud.client(service, REGION)

    @asynccontextmanager
    async def living(self, names: Iterable[str], *, interval_seconds: float) -> AsyncIterator[Fleet]:
        """Let devices live in the block: with an identity, not connected yet."""
        endpoint, template = self.cloud.mqtt(), self.outputs["Template"]
        async with Fleet(
            self.folder,
            endpoint,
            template,
            self._claim,
            interval_seconds=interval_seconds,
            catch_up_seconds=CATCH_UP_SECONDS,
        ) as fleet:
            for name in names:
                fleet.make(name, "hygrometer")
            await fleet.join(names)
            yield fleet

    def arrivals(self) -> list[tuple[float, dict[str, Any]]]:
        """Return when each record arrived in the stream, and what it says."""
        kinesis, stream = self.client("kinesis"), self.outputs["Stream"]
        found = []
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            records = kinesis.get_records(ShardIterator=iterator, Limit=10_000)["Records"]
            found += [(one["ApproximateArrivalTimestamp"].timestamp(), json.loads(one["Data"])) for one in records]
        return found

    def counted(self, name: str) -> int:
        """Return how many measurements the windows of a thing have."""
        answer = self.client("dynamodb").query(
            TableName=self.outputs["Table"],
            KeyConditionExpression="pk = :pk AND begins_with(sk, :window)",
            ExpressionAttributeValues={":pk": {"S": f"THING#{name}"}, ":window": {"S": "WINDOW#"}},
        )
        return sum(json.loads(item["state"]["S"])["messages"] for item in answer["Items"])

    def alert(self, state: str) -> dict[str, Any] | None:
        """Take the next alerts; return one of a state."""
        sqs, url = self.client("sqs"), self.outputs["Operator"]
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            alert: dict[str, Any] = json.loads(message["Body"])
            if alert["state"] == state:
                return alert
        return None


@pytest.fixture(scope="module")
def home(
    local_cloud: LocalCloud,
    deployed: Callable[[Callable[..., Any]], Deployment],
    tmp_path_factory: pytest.TempPathFactory,
) -> Home:
    return Home(local_cloud, deployed(gathering), tmp_path_factory.mktemp("devices"))


def test_a_threshold_is_published_within_ten_seconds_and_everything_else_waits(home: Home) -> None:
    name = NAMES[0]

    async def heat_and_cool() -> tuple[list[float], int, int]:
        async with home.living([name], interval_seconds=0.25) as fleet:
            await fleet.start([name])
            member = fleet.members[name]
            assert isinstance(member.hardware, Room)
            seconds = []
            for state, heat in (("crossed", 30.0), ("recovered", 0.0)):
                await asyncio.sleep(2)
                member.hardware.heat = heat
                began = time.monotonic()
                alert = await asyncio.to_thread(eventually, lambda state=state: home.alert(state), within=30)
                seconds.append(time.monotonic() - began)
                assert (alert["threshold"], alert["thing"]) == ("TooHot", name)
            measured = len(fleet.diaries[name].measured)
            messages = sum(record["thing"] == name for _, record in home.arrivals())
            member.resting = True
            await fleet.rest([name], within=GATHERED_SECONDS + 10)
            return seconds, measured, messages

    seconds, measured, messages = asyncio.run(heat_and_cool())
    assert max(seconds) <= WITHIN
    # Two crossings, and the first message, which is early by chance; 16 measurements at least.
    assert messages <= 4
    assert measured >= 16
    eventually(lambda: home.counted(name) == len(set(_ids(home, name))), within=20)
    assert len(_ids(home, name)) == len(set(_ids(home, name))) >= measured


def _ids(home: Home, name: str) -> list[str]:
    """Return the ids of the measurements of a thing that arrived in the stream, as often as they did."""
    return [
        measurement["message_id"]
        for _, record in home.arrivals()
        if record["thing"] == name
        for measurement in record.get("measurements", [record])
    ]


def test_an_hour_without_a_connection_is_caught_up_in_one_message_each_and_not_all_at_once(home: Home) -> None:
    names = NAMES[1:]

    async def outage() -> float:
        async with home.living(names, interval_seconds=60) as fleet:
            hour_ago = time.time() - 3_600
            for name in names:
                member = fleet.members[name]
                for _ in range(60):
                    member.measure()
                # As if each had been made a minute after the one before, beginning an hour ago.
                database = member.outbox._database
                database.execute("UPDATE messages SET added = ? + 60 * id", (hour_ago,))
                database.execute(
                    "UPDATE messages SET document = json_set(document, '$.at', CAST((? + 60 * id) * 1000 AS INTEGER))",
                    (hour_ago,),
                )
            began = time.time()
            await fleet.start(names)
            await fleet.rest(names, within=CATCH_UP_SECONDS + 60)
            counts = {name: len(set(fleet.diaries[name].measured)) for name in names}
            await asyncio.to_thread(
                eventually,
                lambda: {name: home.counted(name) for name in names} == counts,
                within=60,
                what="the whole hour",
            )
            return began

    began = asyncio.run(outage())
    late = [(at - began, record) for at, record in home.arrivals() if len(record.get("measurements", [])) > 30]
    assert sorted(record["thing"] for _, record in late) == names
    # Lost 0, doubled 0.
    for name in names:
        assert len(_ids(home, name)) == len(set(_ids(home, name))) == home.counted(name)
    at = sorted(seconds for seconds, _ in late)
    # Spread over the time that they may take; what they connect within comes on top of it.
    assert at[-1] - at[0] > CATCH_UP_SECONDS / 4
