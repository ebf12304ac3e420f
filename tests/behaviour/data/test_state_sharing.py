"""What StateSharing does, seen by functions that share state and by clients of the table."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_constructs import StateSharing
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from state_sharing import SharedState

REGION = "us-east-1"
ROOM_PRESENCE = Path(__file__).parents[3] / "docs/examples/room_presence"
names = (f"name-{number}" for number in itertools.count())


@architecture
def rooms(stack: Stack) -> None:
    state = StateSharing(stack, "State", removal_policy=RemovalPolicy.DESTROY)
    outputs = {"TableName": state.table.table_name}
    for name, options in {
        "Server": {"groups": ["ROOM"]},
        "OtherServer": {"groups": ["ROOM"]},
        "Reader": {"groups": ["ROOM"], "read_only": True},
        "Sessions": {"groups": ["USER"]},
    }.items():
        function = add_function(
            stack,
            name,
            handler=ROOM_PRESENCE,
            description="Keeps who is in which room",
            invocation=Invocation.REQUEST,
        )
        state.share_with(function, **options)
        outputs[name] = function.function_name
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Output", value=value)


class Rooms:
    """The deployed state, and what works with it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        outputs = deployment.outputs["StateSharingRooms"].items()
        self.outputs = {name.removesuffix("Output"): value for name, value in outputs}
        self.table = self.table_of((*cloud.root.credentials(), None))

    def table_of(self, credentials: tuple[str, str, str | None]) -> Any:
        key, secret, token = credentials
        database = boto3.resource(
            "dynamodb",
            region_name=REGION,
            endpoint_url=self.cloud.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )
        return database.Table(self.outputs["TableName"])

    def call(self, function: str, **event: Any) -> dict[str, Any]:
        functions = self.cloud.client("lambda", REGION)
        answer = functions.invoke(FunctionName=self.outputs[function], Payload=json.dumps(event))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        return result

    def state(self, now: Callable[[], float] = time.time, *, kind: str = "PRESENCE", lifetime: int = 150) -> Any:
        return SharedState(self.table, group="ROOM", kind=kind, lifetime=lifetime, clock=now)


@pytest.fixture(scope="module")
def deployed_rooms(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Rooms:
    return Rooms(local_cloud, deployed(rooms))


def test_servers_share_what_each_of_them_heard(deployed_rooms: Rooms) -> None:
    room = next(names)
    assert deployed_rooms.call("Server", room=room, user="ann") == {"online": ["ann"]}
    assert deployed_rooms.call("OtherServer", room=room, user="bob") == {"online": ["ann", "bob"]}
    assert deployed_rooms.call("OtherServer", room=room, user="ann", leave=True) == {"online": ["bob"]}
    assert deployed_rooms.call("Server", room=room, user="bob") == {"online": ["bob"]}


def test_stay_begins_is_renewed_changes_and_ends(deployed_rooms: Rooms) -> None:
    room, now = next(names), time.time()
    presence = deployed_rooms.state(lambda: now)
    first = presence.heartbeat(room, "ann", data={"device": "pc"})
    assert (first.change, first.data) == ("joined", {"device": "pc"})
    now += 60
    second = presence.heartbeat(room, "ann")
    assert (second.change, second.since, second.data) == ("renewed", first.at, {"device": "pc"})
    assert second.expires_at - first.expires_at == 60
    now += 1
    assert presence.heartbeat(room, "ann", data={"device": "pc"}).change == "renewed"
    now += 1
    third = presence.heartbeat(room, "ann", data={"device": "phone"})
    assert (third.change, third.since) == ("updated", first.at)
    now += 1
    assert presence.leave(room, "ann")
    assert presence.get(room, "ann") is None
    now += 1
    fourth = presence.heartbeat(room, "ann")
    assert (fourth.change, fourth.data) == ("joined", {})
    assert fourth.since == fourth.at == pytest.approx(now, abs=0.001)


def test_late_heartbeat_neither_shortens_nor_revives(deployed_rooms: Rooms) -> None:
    room, now = next(names), time.time()
    presence = deployed_rooms.state(lambda: now)
    presence.heartbeat(room, "ann", at=now)
    before = presence.get(room, "ann")
    assert presence.heartbeat(room, "ann", at=now - 30, data={"old": True}) is None
    assert presence.heartbeat(room, "ann", at=now) is None  # the same one again
    assert presence.get(room, "ann") == before
    presence.leave(room, "ann", at=now)
    assert presence.heartbeat(room, "ann", at=now - 30) is None
    assert presence.heartbeat(room, "ann", at=now) is None
    assert presence.members(room) == []


def test_leave_comes_before_the_heartbeat_that_it_ends(deployed_rooms: Rooms) -> None:
    room, now = next(names), time.time()
    presence = deployed_rooms.state(lambda: now)
    assert presence.leave(room, "ann", at=now - 1)
    assert presence.heartbeat(room, "ann", at=now - 2) is None
    assert presence.members(room) == []


def test_late_leave_does_not_end_a_newer_stay(deployed_rooms: Rooms) -> None:
    room, now = next(names), time.time()
    presence = deployed_rooms.state(lambda: now)
    presence.heartbeat(room, "ann")
    assert not presence.leave(room, "ann", at=now - 1)
    assert [entry.member for entry in presence.members(room)] == ["ann"]


def test_lapsed_entry_is_left_out_before_dynamodb_deletes_it(deployed_rooms: Rooms) -> None:
    room, now = next(names), float(int(time.time()))
    typing = deployed_rooms.state(lambda: now, kind="TYPING", lifetime=6)
    typing.heartbeat(room, "ann")
    now += 5.9
    assert [entry.member for entry in typing.members(room)] == ["ann"]
    now += 0.1
    assert typing.members(room, consistent=True) == []
    assert typing.get(room, "ann") is None
    assert deployed_rooms.table.get_item(Key={"pk": f"ROOM#{room}", "sk": "TYPING#ann"})["Item"]
    back = typing.heartbeat(room, "ann")
    assert (back.change, back.since) == ("joined", now)


def test_dynamodb_deletes_what_lapsed(deployed_rooms: Rooms) -> None:
    room = next(names)
    deployed_rooms.state(lambda: time.time() - 1000).heartbeat(room, "ann")

    def gone() -> bool:
        return "Item" not in deployed_rooms.table.get_item(Key={"pk": f"ROOM#{room}", "sk": "PRESENCE#ann"})

    cloud = deployed_rooms.cloud
    httpx.post(f"{cloud.endpoint}/_cdp/dynamodb/expire", headers=cloud.root.authorization).raise_for_status()
    eventually(gone)


def test_kinds_of_a_group_do_not_mix(deployed_rooms: Rooms) -> None:
    room = next(names)
    deployed_rooms.state().heartbeat(room, "ann")
    deployed_rooms.state(kind="TYPING", lifetime=6).heartbeat(room, "bob")
    assert [entry.member for entry in deployed_rooms.state().members(room)] == ["ann"]
    assert [entry.member for entry in deployed_rooms.state(kind="TYPING").members(room)] == ["bob"]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    writes=st.permutations(
        [("heartbeat", 0), ("heartbeat", 20), ("leave", 30), ("heartbeat", 10), ("heartbeat", 30), ("leave", 5)]
    ),
    last=st.sampled_from(["heartbeat", "leave"]),
    place=st.integers(min_value=0, max_value=6),
)
def test_any_order_of_arrival_leaves_the_newest_word(
    deployed_rooms: Rooms, writes: list[tuple[str, int]], last: str, place: int
) -> None:
    room, now = next(names), time.time()
    presence = deployed_rooms.state(lambda: now)
    for name, second in [*writes[:place], (last, 40), *writes[place:]]:
        getattr(presence, name)(room, "ann", at=now - 60 + second)
    assert [entry.member for entry in presence.members(room)] == (["ann"] if last == "heartbeat" else [])


def test_permission_ends_at_the_groups_and_at_reading(deployed_rooms: Rooms) -> None:
    room = next(names)
    deployed_rooms.state().heartbeat(room, "ann")
    denied = deployed_rooms.call("Reader", room=room, user="eve")
    assert "not authorized" in denied["errorMessage"]
    # The role of the function for sessions may not even look into a room.
    denied = deployed_rooms.call("Sessions", room=room, user="eve")
    assert "not authorized" in denied["errorMessage"]
    assert [entry.member for entry in deployed_rooms.state().members(room)] == ["ann"]


@architecture
def two_regions(stack: Stack) -> None:
    table = dynamodb.CfnGlobalTable(
        stack,
        "Table",
        attribute_definitions=[
            dynamodb.CfnGlobalTable.AttributeDefinitionProperty(attribute_name=name, attribute_type="S")
            for name in ("pk", "sk")
        ],
        key_schema=[
            dynamodb.CfnGlobalTable.KeySchemaProperty(attribute_name="pk", key_type="HASH"),
            dynamodb.CfnGlobalTable.KeySchemaProperty(attribute_name="sk", key_type="RANGE"),
        ],
        replicas=[
            dynamodb.CfnGlobalTable.ReplicaSpecificationProperty(region=region) for region in (REGION, "ap-northeast-1")
        ],
        billing_mode="PAY_PER_REQUEST",
        stream_specification=dynamodb.CfnGlobalTable.StreamSpecificationProperty(stream_view_type="NEW_AND_OLD_IMAGES"),
        time_to_live_specification=dynamodb.CfnGlobalTable.TimeToLiveSpecificationProperty(
            enabled=True, attribute_name="expires_at"
        ),
    )
    CfnOutput(stack, "TableName", value=table.ref)


def test_user_who_moves_to_another_region_is_seen_in_both(
    local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]
) -> None:
    name = deployed(two_regions).outputs["StateSharingTwoRegions"]["TableName"]
    virginia, tokyo = (
        SharedState(
            boto3.resource(
                "dynamodb",
                region_name=region,
                endpoint_url=local_cloud.endpoint,
                aws_access_key_id=local_cloud.root.access_key_id,
                aws_secret_access_key=local_cloud.root.secret_access_key,
            ).Table(name),
            group="ROOM",
            kind="PRESENCE",
            lifetime=150,
        )
        for region in (REGION, "ap-northeast-1")
    )
    virginia.heartbeat("r1", "ann", data={"region": "virginia"})
    eventually(lambda: tokyo.members("r1"))
    moved = tokyo.heartbeat("r1", "ann", data={"region": "tokyo"})
    assert moved is not None
    assert moved.change == "updated"
    eventually(lambda: [entry.data for entry in virginia.members("r1")] == [{"region": "tokyo"}])
    tokyo.leave("r1", "ann")
    eventually(lambda: virginia.members("r1") == [])
    with pytest.raises(ClientError):
        virginia.heartbeat("r1", "x" * 2000)  # a real error is still one
