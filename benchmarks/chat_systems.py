"""The two chats that the benchmark compares, each as people with a seat in a room and a live channel."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.apps.bare_chat import app as bare
from cdp_constructs.local import LocalCloud
from demo.bring_up import ROOT
from demo.chat.people import Person, sign_up
from demo.chat.system import Chat, synthesise
from demo.report import eventually

_AT_A_TIME = 4
# The benchmark asks what a message costs, so nobody has written enough.
_NO_LIMIT = 100_000


@dataclass(frozen=True)
class Seat:
    """A person in a room, in one Region."""

    person: Person
    region: str
    room: str
    channel: str
    realtime: Mapping[str, str]
    """``http`` and ``websocket`` of the Region's live API."""


@dataclass(frozen=True)
class System:
    """A deployed chat.

    Attributes:
        name: What the report calls it.
        seats: Everybody, room by room; in each room somebody of every Region.
        stay: Says for everybody that the room is still open, as clients do every minute.
    """

    name: str
    seats: Sequence[Seat]
    stay: Callable[[], None] = lambda: None


def deploy_chat(cloud: LocalCloud, folder: Path, *, rooms: int, each: int) -> System:
    """Deploy the reference system, and let people in."""
    synthesise(folder, {"limits": {"messages_per_minute": _NO_LIMIT}})
    chat = Chat(cloud, cloud.deploy(folder))
    pool, client = chat.user_pool
    people = _people(cloud, chat.home, pool=pool, client=client, apis=chat.apis, count=rooms * each)

    def open_room(members: list[Person]) -> list[Seat]:
        owner, *others = members
        made = owner.call(chat.home, "POST", "/rooms", json={"name": "Benchmark"}).raise_for_status().json()
        for other in others:
            path, code = f"/rooms/{made['room']}/members", {"invite_code": made["invite_code"]}
            other.call(chat.home, "POST", path, json=code).raise_for_status()
        return [_seat(chat, member, made["room"], number) for number, member in enumerate(members)]

    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        seats = [seat for room in threads.map(open_room, _groups(people, each)) for seat in room]

    def stay() -> None:
        # Who is away gets notices, which the bare chat does not have.
        for seat in seats:
            path = f"/rooms/{seat.room}/presence"
            seat.person.call(seat.region, "PUT", path, json={"typing": False}).raise_for_status()

    return System("chat", seats, stay)


def _seat(chat: Chat, person: Person, room: str, number: int) -> Seat:
    region = chat.regions[number % len(chat.regions)]

    def described() -> dict[str, Any] | None:
        # The membership has to reach the Region first.
        answer = person.call(region, "GET", f"/rooms/{room}")
        return answer.json() if answer.status_code == 200 else None  # noqa: PLR2004

    opened = eventually(described, within=30, what=f"{person.name} in {region}")
    session = person.call(region, "POST", "/session", json={}).raise_for_status().json()
    return Seat(person, region, room, opened["channel"], session["realtime"])


def throttle(cloud: LocalCloud, system: System, rate: float) -> None:
    """Let the APIs of all Regions together take so many requests a second; API Gateway answers 429 to what is above.

    So a system that is offered more than it can work refuses, and what it accepts does not wait behind the rest.
    """
    addresses = {seat.region: seat.person.apis[seat.region] for seat in system.seats}
    each = rate / len(addresses)
    for region, address in addresses.items():
        api_id, stage = address.rsplit("/", 2)[1:]
        settings = {"ThrottlingRateLimit": each, "ThrottlingBurstLimit": max(1, round(each))}
        cloud.client("apigatewayv2", region).update_stage(ApiId=api_id, StageName=stage, DefaultRouteSettings=settings)


def deploy_bare(cloud: LocalCloud, folder: Path, *, rooms: int, each: int) -> System:
    """Deploy the bare chat, and let people in."""
    environment = {**os.environ, "CDK_OUTDIR": str(folder), "PYTHONPATH": str(ROOT)}
    module = [sys.executable, "-m", bare.__name__]
    subprocess.run(module, check=True, cwd=ROOT, env=environment)  # noqa: S603 - our own interpreter and module
    shared = cloud.deploy(folder, stacks=[bare.GLOBAL_STACK]).outputs[bare.GLOBAL_STACK]
    parameters = {name: shared[name] for name in ("UserPoolId", "UserPoolClientId")}
    for region in bare.REGIONS:
        table = cloud.client("dynamodb", region).describe_table(TableName=bare.TABLE)["Table"]
        parameters[bare.stream_parameter(region)] = table["LatestStreamArn"]
    deployment = cloud.deploy(folder, parameters=parameters)
    outputs = {region: deployment.outputs[bare.stack_name(region)] for region in bare.REGIONS}
    apis = {region: _api(cloud, region, out["ApiUrl"]) for region, out in outputs.items()}
    pool, client = parameters["UserPoolId"], parameters["UserPoolClientId"]
    people = _people(cloud, bare.REGIONS[0], pool=pool, client=client, apis=apis, count=rooms * each)
    table = cloud.client("dynamodb", bare.REGIONS[0])
    seats = []
    for number, members in enumerate(_groups(people, each)):
        room = f"room-{number}"
        for place, person in enumerate(members):
            key = {"pk": {"S": f"ROOM#{room}"}, "sk": {"S": f"MEMBER#{person.user}"}}
            table.put_item(TableName=bare.TABLE, Item=key)
            region = bare.REGIONS[place % len(bare.REGIONS)]
            out = outputs[region]
            realtime = {
                "http": f"https://{out['LiveHttp']}/event",
                "websocket": f"wss://{out['LiveRealtime']}/event/realtime",
            }
            seats.append(Seat(person, region, room, f"/{bare.NAMESPACE}/{room}", realtime))
    time.sleep(1)  # replication of the memberships
    return System("bare chat", seats)


def _api(cloud: LocalCloud, region: str, url: str) -> str:
    return cloud.http_api_url((urlsplit(url).hostname or "").partition(".")[0], region)


def _people(
    cloud: LocalCloud, region: str, *, pool: str, client: str, apis: Mapping[str, str], count: int
) -> list[Person]:
    def new_person(number: int) -> Person:
        name = f"Person{number}"
        return sign_up(cloud, region, client_id=client, user_pool_id=pool, apis=apis, name=name)

    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        return list(threads.map(new_person, range(count)))


def _groups(people: Sequence[Person], each: int) -> Iterator[list[Person]]:
    return (list(people[start : start + each]) for start in range(0, len(people), each))


SYSTEMS: Mapping[str, Callable[..., System]] = {"bare": deploy_bare, "chat": deploy_chat}
