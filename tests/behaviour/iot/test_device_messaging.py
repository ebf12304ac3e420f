"""The four ways to talk with devices, seen from both ends: an operator's calls, and devices that run."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack

from cdp_constructs import Aggregation, Broadcast, DeviceFleet, FanoutNotification, PointToPoint
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.operations.deployed.stacks import DeployedStack
from cdp_constructs.operations.trace.ids import correlation_id
from cdp_constructs.operations.trace.way import Way, follow
from cdp_constructs.testing import architecture, eventually
from cdp_device.device import Device
from cdp_device.sensors import SimulatedHygrometer
from cdp_device.settings import Settings


@architecture
def sites(stack: Stack) -> None:
    fleet = DeviceFleet(stack, "Fleet", app="talk", contexts=["home", "factory"], removal_policy=RemovalPolicy.DESTROY)
    point_to_point = PointToPoint(
        stack, "PointToPoint", fleet=fleet, timeout=Duration.seconds(8), removal_policy=RemovalPolicy.DESTROY
    )
    broadcast = Broadcast(stack, "Broadcast", fleet=fleet)
    notification = FanoutNotification(stack, "Alerts", fleet=fleet)
    subscribers = {
        "Everyone": notification.add_subscriber("Everyone"),
        "Factory": notification.add_subscriber("Factory", contexts=["factory"]),
        "One": notification.add_subscriber("One", things=["alerter-1"]),
    }
    aggregation = Aggregation(stack, "Together", fleet=fleet, kind="climate")
    outputs = {
        "AllowList": fleet.table.table_name,
        "Template": fleet.provisioning_template.ref,
        "ClaimPolicy": fleet.claim_policy.ref,
        "Commands": point_to_point.command_function.function_name,
        "SessionsTable": point_to_point.table.table_name,
        "Broadcasts": broadcast.function.function_name,
        "StreamName": aggregation.stream.stream_name,
        **{f"{name}Queue": subscriber.queue.queue_url for name, subscriber in subscribers.items()},
    }
    for name, value in outputs.items():
        CfnOutput(stack, name, value=value)


class Sites:
    """The deployed fleet, and an operator's calls."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment, folder: Path) -> None:
        self.outputs = deployment.outputs["DeviceMessagingSites"]
        self.cloud = cloud
        self.folder = folder
        self.iot = cloud.client("iot")
        self.address = cloud.mqtt()
        (folder / "ca.pem").write_text(self.address.ca)
        made = self.iot.create_keys_and_certificate(setAsActive=True)
        self.iot.attach_policy(policyName=self.outputs["ClaimPolicy"], target=made["certificateArn"])
        (folder / "claim.pem").write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])

    def device(self, serial_number: str, context: str = "home") -> Device:
        item = {"serial_number": {"S": serial_number}, "context": {"S": context}}
        if not (self.folder / serial_number).exists():
            self.cloud.client("dynamodb").put_item(TableName=self.outputs["AllowList"], Item=item)
        settings = Settings(
            endpoint=self.address.host,
            port=self.address.port,
            ca_file=self.folder / "ca.pem",
            claim_file=self.folder / "claim.pem",
            template=self.outputs["Template"],
            serial_number=serial_number,
            state_folder=self.folder / serial_number,
            interval_seconds=60,
        )
        return Device(settings, SimulatedHygrometer(), first_pause=0.2)

    def call(self, function: str, **request: Any) -> Any:
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.outputs[function], Payload=json.dumps(request).encode()
        )
        document = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, document
        return document

    async def ask(self, function: str, **request: Any) -> Any:
        return await asyncio.to_thread(lambda: self.call(function, **request))

    async def ended(self, session: str) -> Any:
        def look() -> Any:
            found = self.call("Commands", operation="status", session=session)
            return found if found["status"] != "pending" else None

        return await asyncio.to_thread(eventually, look)

    def messages(self, queue: str) -> list[Any]:
        sqs, url = self.cloud.client("sqs"), self.outputs[f"{queue}Queue"]
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture(scope="module")
def place(
    local_cloud: LocalCloud,
    deployed: Callable[[Callable[..., Any]], Deployment],
    tmp_path_factory: pytest.TempPathFactory,
) -> Sites:
    return Sites(local_cloud, deployed(sites), tmp_path_factory.mktemp("devices"))


@asynccontextmanager
async def running(*devices: Device) -> AsyncIterator[None]:
    """Run devices inside the block."""
    async with AsyncExitStack() as stack:
        for device in devices:
            task = asyncio.create_task(device.run())
            stack.push_async_callback(asyncio.gather, task, return_exceptions=True)
            stack.callback(task.cancel)
        for device in devices:
            await asyncio.wait_for(device.connected.wait(), 30)
        yield


async def see(look: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(eventually, look)


def test_command_is_answered_by_the_device(place: Sites) -> None:
    async def command() -> list[Any]:
        async with running(place.device("answers")):
            sent = [
                await place.ask("Commands", operation="send", thing="answers", command=name)
                for name in ("measure", "fly")
            ]
            return [await place.ended(answer["session"]) for answer in sent]

    measured, refused = asyncio.run(command())
    assert measured["status"] == "succeeded"
    assert 0 < measured["result"]["humidity"] < 100
    assert refused["status"] == "rejected"
    assert "measure" in refused["reason"]


def test_command_to_a_dead_device_times_out_whatever_others_say_and_a_late_answer_does_not_count(
    place: Sites,
) -> None:
    data = place.cloud.client("iot-data")

    def answer(thing: str, session: str) -> None:
        document = {"session": session, "status": "succeeded", "thing": "dead"}
        data.publish(topic=f"cmd/talk/home/{thing}/res", qos=1, payload=json.dumps(document))

    async def die() -> tuple[Any, Any]:
        async with running(place.device("dead")):
            pass
        sent = await place.ask("Commands", operation="send", thing="dead", command="ping")
        assert sent["status"] == "pending"
        await asyncio.to_thread(answer, "forger", sent["session"])
        timed_out = await place.ended(sent["session"])
        await asyncio.to_thread(answer, "dead", sent["session"])
        table = place.cloud.client("dynamodb")
        key = {"session": {"S": sent["session"]}}
        late = await see(lambda: table.get_item(TableName=place.outputs["SessionsTable"], Key=key)["Item"].get("late"))
        assert late == {"BOOL": True}
        return timed_out, await place.ask("Commands", operation="status", session=sent["session"])

    timed_out, later = asyncio.run(die())
    assert timed_out["status"] == later["status"] == "timed_out"


def test_mistakes_of_an_operator_are_said(place: Sites) -> None:
    assert place.call("Commands", operation="send", thing="nobody", command="ping") == {
        "error": "there is no such device"
    }
    assert "operation" in place.call("Commands", operation="explode")["error"]
    assert "home" in place.call("Broadcasts", operation="broadcast", command="ping", context="moon")["error"]
    assert "job" in place.call("Broadcasts", operation="progress", job="somebody-elses")["error"]


def test_desired_state_waits_for_a_sleeping_device(place: Sites) -> None:
    async def sleep_and_wake() -> tuple[Any, Any]:
        async with running(place.device("sleeps")):
            pass
        await place.ask("Commands", operation="desire", thing="sleeps", state={"humidifier": True})
        asleep = await place.ask("Commands", operation="state", thing="sleeps")
        async with running(place.device("sleeps")):

            def converged() -> Any:
                state = place.call("Commands", operation="state", thing="sleeps")
                return state if not state["delta"] else None

            return asleep, await see(converged)

    asleep, awake = asyncio.run(sleep_and_wake())
    assert asleep["delta"] == {"humidifier": True}
    assert awake["reported"]["humidifier"] is True


def test_broadcast_reaches_its_group_only_and_a_rollout_everyone_of_it(place: Sites) -> None:
    heard: list[str] = []

    def listener(serial_number: str, context: str) -> Device:
        device = place.device(serial_number, context)

        async def note(_session: Any, arguments: Any) -> dict[str, Any]:
            heard.append(f"{arguments['what']}:{serial_number}")
            return {}

        device.commands["note"] = note
        return device

    async def tell() -> Any:
        here, there = listener("at-home", "home"), listener("at-work", "factory")
        async with running(here, there):
            for what, context in (("one", "factory"), ("all", None)):
                request = {"operation": "broadcast", "command": "note", "arguments": {"what": what}, "context": context}
                await place.ask("Broadcasts", **request)
            await see(lambda: len(heard) == 3)
        job = await place.ask(
            "Broadcasts", operation="rollout", command="note", arguments={"what": "job"}, context="factory"
        )
        async with running(listener("at-home", "home"), listener("at-work", "factory")):

            def done() -> Any:
                progress = place.call("Broadcasts", operation="progress", job=job["job"])
                return progress if progress["devices"]["Succeeded"] else None

            return await see(done)

    progress = asyncio.run(tell())
    assert sorted(heard) == ["all:at-home", "all:at-work", "job:at-work", "one:at-work"]
    assert progress["devices"]["Succeeded"] == 1


def test_the_topic_decides_who_is_told(place: Sites) -> None:
    async def alert() -> None:
        devices = [place.device("alerter-1", "home"), place.device("alerter-2", "factory")]
        async with running(*devices):
            for device in devices:
                device.send(
                    "alert", {"message_id": device.settings.serial_number, "reason": "too warm", "thing": "liar"}
                )
            await see(lambda: all(len(device.outbox) == 0 for device in devices))

    asyncio.run(alert())
    told: dict[str, list[str]] = {"Everyone": [], "Factory": [], "One": []}
    expected = {"Everyone": ["alerter-1", "alerter-2"], "Factory": ["alerter-2"], "One": ["alerter-1"]}

    def all_told() -> bool:
        for name, things in told.items():
            things.extend(message["thing"] for message in place.messages(name))
        return {name: sorted(things) for name, things in told.items()} == expected

    assert eventually(all_told), told


def test_what_all_devices_say_comes_together_in_the_stream(place: Sites) -> None:
    async def measure() -> set[str]:
        devices = [place.device("together-1", "home"), place.device("together-2", "factory")]
        async with running(*devices):
            sent = {str(device.measure()["message_id"]) for device in devices}
            await see(lambda: all(len(device.outbox) == 0 for device in devices))
            return sent

    sent = asyncio.run(measure())
    kinesis = place.cloud.client("kinesis")
    stream = place.outputs["StreamName"]

    def records() -> dict[str, Any]:
        found = {}
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            for record in kinesis.get_records(ShardIterator=iterator)["Records"]:
                document = json.loads(record["Data"])
                assert record["PartitionKey"] == document["thing"]
                found[document["message_id"]] = document
        return found

    together = eventually(lambda: records() if sent <= set(records()) else None)
    assert {together[message]["thing"]: together[message]["context"] for message in sent} == {
        "together-1": "home",
        "together-2": "factory",
    }
    assert all({"type", "received_at", "humidity"} <= set(together[message]) for message in sent)


def test_a_claim_and_a_broadcast_are_followed_by_one_id_each(place: Sites, local_cloud: LocalCloud) -> None:
    identity = uuid4().hex
    device = place.device("followed")

    async def broadcast() -> None:
        async with running(device):
            await place.ask(
                "Broadcasts",
                operation="broadcast",
                command="measure",
                context="home",
                traceparent=f"00-{identity}-{'1' * 16}-01",
            )
            await see(lambda: way(identity, "PointToPointOutcomeFunction"))

    key, secret = local_cloud.root.credentials()
    session = boto3.Session(key, secret, region_name="us-east-1")
    stack = DeployedStack("DeviceMessagingSites", session, endpoint_url=local_cloud.endpoint)

    def way(text: str, last: str) -> Way | None:
        found = follow([stack], correlation_id(text), since=time.time() - 900)
        return found if last in found.places() else None

    asyncio.run(broadcast())
    sent = eventually(lambda: way(identity, "PointToPointOutcomeFunction"), what="the device's response")
    assert (sent.places()[0], sent.stops) == ("BroadcastFunction", [])
    certificate = json.loads((place.folder / "followed" / "identity.json").read_text())["certificate_id"]
    claimed = eventually(lambda: way(certificate, "FleetCertificatesFunction"), what="the certificate in use")
    assert claimed.places() == ["FleetRegistrationFunction", "FleetCertificatesFunction"]
    assert claimed.stops == []
