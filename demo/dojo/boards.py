"""The boards, and what is done to each."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cdp_constructs.local import LocalCloud
from demo.bring_up import Checked
from demo.dojo import browser_drills, our_chat
from demo.dojo.browsers import BrowserBoard, BrowserCrowd
from demo.dojo.faults import BY_DESIGN, NOTHING, Allowed, Drill
from demo.dojo.hawks import Hawks, HawksCrowd, among_regions, lose_america, lose_home, read_near_and_write_at_home
from demo.dojo.load import raise_load
from demo.dojo.members import MemberCrowd
from demo.dojo.nightly import count_the_day
from demo.dojo.notified import PlaceOf, browser_of, mailbox_of, phone_of
from demo.dojo.pacific import (
    across_the_pacific,
    ask_for_ones_files,
    lose_asia,
    lose_north_america,
    phone_in_north_america,
    read_on_both_sides,
    speak_in_north_america,
)
from demo.dojo.pages import read_a_page_together
from demo.dojo.people import Crowd, crowd_of
from demo.dojo.queue_faults import accept_without_the_database, kill_a_worker, set_aside_what_nobody_can_read
from demo.dojo.sizes import ask_without_a_signature, change_size, kill_the_cache
from demo.dojo.stage import Deployed, Stage
from demo.dojo.stateless import end_a_session, find_the_logs, kill_a_server, push_to_a_phone
from demo.dojo.table_faults import let_the_table_fail
from demo.dojo.two_monitors import seen_by_both, zabbix_is_installed

__all__ = ["BOARDS", "SERVERS", "Board"]

_HOUR = "the board allows an hour"


@dataclass(frozen=True)
class Board:
    """A board of the dojo.

    Args:
        folder: Below ``stacks/dojo``.
        stack: Its stack.
        title: What it is called, and what it is.
        files: Whether people attach files.
        place: Where somebody who is away is notified.
        servers: Tasks at least; 0 for a board without servers.
        drills: What is done to it.
        cannot: What it cannot survive by design.
        synthesise: Makes the assembly of a board that is no stack of the dojo, in a folder, for an embedded cloud.
        made: Finds its parts.
        crowd: Its people.
        around: What lasts while it is played, such as a distance.
        deployed: Which of its stacks are played; without any, all.
    """

    folder: str
    stack: str
    title: str
    files: bool
    place: PlaceOf
    servers: int
    drills: tuple[Drill, ...]
    cannot: str
    synthesise: Callable[[LocalCloud, Path], Checked] | None = None
    made: Callable[..., Deployed] = Stage
    crowd: Callable[[Any], Crowd] = crowd_of
    around: Callable[[Any], AbstractContextManager[object]] = nullcontext
    deployed: tuple[str, ...] = ()


_TASK_KILLED = Drill(
    "A task is killed",
    "no request fails; at most the 12 that it may have been answering are sent again; two again within 120 s",
    lambda on: on.kill_a_task(allowed=Allowed(sent_again=12), within=120),
    lost="instance",
)


_FAILOVER = Allowed(failed=12, sent_again=24)


def _writer_lost(successor: str, *, elsewhere: str) -> tuple[Drill, ...]:
    """Return what is done to the writer of a replicated database."""
    return (
        Drill(
            "The writer is killed",
            f"{successor} takes over within 60 s; at most 12 requests fail, 24 are sent again",
            lambda on: on.kill_the_writer(allowed=_FAILOVER, within=60),
            lost="instance",
        ),
        Drill(
            "The writer's zone is lost",
            f"{elsewhere} elsewhere, two again within 120 s; at most 12 requests fail, 24 are sent again",
            lambda on: on.lose_a_zone(allowed=_FAILOVER, within=120),
            lost="zone",
        ),
    )


_RELEASES = (
    Drill(
        "A new version is deployed",
        "no request fails, none is sent again",
        lambda on: on.release(allowed=NOTHING, within=120),
        servers_only=True,
    ),
    Drill(
        "A version that does not start",
        "rolled back; no request fails, none is sent again",
        lambda on: on.release_what_does_not_start(allowed=NOTHING, within=120),
        servers_only=True,
    ),
)
_LOAD = Drill(
    "Load is raised, and falls",
    "tasks are added and removed; no request fails, none is sent again",
    lambda on: raise_load(on.stage, on.crowd, requests=700),
)
_RELEASES_AND_LOAD = (*_RELEASES, replace(_LOAD, servers_only=True))
_SERVERS_ZONE_LOST = Drill(
    "A zone with servers is lost",
    "no request fails; at most the 12 that they may have been answering are sent again; two again within 120 s",
    lambda on: on.lose_a_zone(allowed=Allowed(sent_again=12), within=120),
    lost="zone",
)
_TABLE_FAILS = Drill(
    "The table answers nothing but errors for 5 s",
    "no request fails, all of them wait; served again within 20 s",
    lambda on: let_the_table_fail(on, seconds=5, within=20),
)
# Where there is no Zabbix the board is played without it.
_TWO_MONITORS = (
    (
        Drill(
            "A failure that CloudWatch and Zabbix see",
            "the alarm of the job that nobody can do is a problem in Zabbix within 60 s, and its end is its end",
            lambda on: seen_by_both(on, within=60),
        ),
    )
    if zabbix_is_installed()
    else ()
)
_ONE_SERVER = f"away until it is made anew, within 180 s ({_HOUR})"
BOARDS = {
    "d1": Board(
        "double_hawks",
        "DoubleHawks",
        "D1 Double Hawks: Regions joined by a mesh, each with a replica; two monitors, a nightly batch"
        + ("" if _TWO_MONITORS else " (without Zabbix, which is not installed)"),
        files=False,
        place=phone_of,
        servers=2,
        drills=(
            Drill(
                "A page is read near both Regions, and a message is sent",
                "no page crosses the ocean, every message of the far Region does; live there within 3 s",
                lambda on: read_near_and_write_at_home(on, within=3),
            ),
            Drill(
                "The nightly batch: a scheduled day, a day twice, and a job that nobody can do",
                "each day counted right, the same twice, the job in the dead-letter queue with its reason",
                lambda on: count_the_day(on, within=60),
            ),
            *_TWO_MONITORS,
            _TASK_KILLED,
            _SERVERS_ZONE_LOST,
            _LOAD,
            Drill(
                "North America is lost",
                "after the health check the first Region answers its people, within 60 s, and they are led back",
                lambda on: lose_america(on, within=60),
                lost="Region",
            ),
            Drill(
                "By design: the first Region is lost",
                "its people are answered by North America, and read; nobody sends or signs in until it is back",
                lambda on: lose_home(on, seconds=5, within=60),
                lost="Region",
                until_repaired=True,
                reads_on=True,
            ),
        ),
        cannot="the loss of its first Region, which numbers rooms and knows who signs in: meanwhile people read, and "
        "nobody sends",
        made=Hawks,
        crowd=HawksCrowd,
        around=among_regions,
        deployed=("DoubleHawks", "DoubleHawksAmerica"),
    ),
    "d2": Board(
        "after_6",
        "After6",
        "D2 After 6: one server, made anew from its image",
        files=False,
        place=browser_of,
        servers=1,
        drills=(
            Drill(
                "The server is killed",
                _ONE_SERVER,
                lambda on: on.kill_a_task(allowed=BY_DESIGN, within=180),
                lost="instance",
            ),
            Drill(
                "A new version is deployed: planned down time",
                _ONE_SERVER,
                lambda on: on.release(allowed=BY_DESIGN, within=180),
                servers_only=True,
            ),
            Drill(
                "A version that does not start",
                f"rolled back; {_ONE_SERVER}",
                lambda on: on.release_what_does_not_start(allowed=BY_DESIGN, within=180),
                servers_only=True,
            ),
            Drill(
                "The database is killed",
                "it starts again with its data, served within 60 s; at most 12 requests fail, 24 are sent again",
                lambda on: on.kill_the_writer(allowed=_FAILOVER, within=60),
                lost="instance",
            ),
            Drill(
                "The deep check fails: the database lets the server in no more",
                f"the server is made anew within 120 s ({_HOUR})",
                lambda on: on.fail_the_deep_check(within=120),
                servers_only=True,
            ),
            Drill(
                "By design: the zone of the only database is lost",
                "the server moves; nobody is served until the zone is back, and nothing is lost",
                lambda on: on.lose_the_only_database(within=120),
                lost="zone",
                until_repaired=True,
            ),
        ),
        cannot="the loss of its database's zone, for as long as it lasts, and any moment without its server: a crash, "
        "a release",
    ),
    "d3": Board(
        "disconnect",
        "Disconnect",
        "D3 Disconnect: several servers, a standby, files straight to S3",
        files=True,
        place=phone_of,
        servers=2,
        drills=(
            _TASK_KILLED,
            *_writer_lost("the standby", elsewhere="standby and servers"),
            *_RELEASES_AND_LOAD,
        ),
        cannot="the loss of its Region",
    ),
    "d4": Board(
        "elasticache",
        "ElastiCache",
        "D4 ElastiCache: mail to PCs, push to phones, sessions in a table, logs in S3",
        files=True,
        place=mailbox_of,
        servers=2,
        drills=(
            Drill("Somebody with a phone is mentioned", "one push, no mail", push_to_a_phone),
            Drill(
                "A server is killed",
                "nobody signs in again; no request fails, at most 12 are sent again; two again within 120 s",
                lambda on: kill_a_server(on, allowed=Allowed(sent_again=12), within=120),
                lost="instance",
            ),
            Drill("Somebody signs out at one server", "no server knows the token any more", end_a_session),
            Drill(
                "The logs are asked for by SQL",
                "lines of three servers, also of the one that was killed",
                lambda on: find_the_logs(on, servers=3),
            ),
            *_writer_lost("the standby", elsewhere="standby and servers"),
            *_RELEASES_AND_LOAD,
        ),
        cannot="the loss of its Region; while DynamoDB does not answer nobody is known",
    ),
    "d5": Board(
        "umin_chat",
        "UminChat",
        "D5 Umin Chat: CloudFront in front of servers in several zones, read replicas",
        files=True,
        place=phone_of,
        servers=2,
        drills=(
            Drill(
                "A hundred readers of a room's page at once",
                "at most two requests a second reach the servers; what is said is there within 2 s",
                lambda on: read_a_page_together(on, readers=100),
            ),
            _TASK_KILLED,
            *_writer_lost("a replica", elsewhere="a replica and servers"),
            *_RELEASES_AND_LOAD,
        ),
        cannot="the loss of its Region",
    ),
    "d6": Board(
        "anonymous",
        "Anonymous",
        "D6 Anonymous: every message goes to a queue first",
        files=True,
        place=phone_of,
        servers=2,
        drills=(
            Drill(
                "The database is away while 50 messages are sent",
                "all accepted; stored once and in order within 60 s of its return",
                lambda on: accept_without_the_database(on, messages=50, within=60),
                servers_only=True,
            ),
            Drill(
                "A message that nobody can read",
                "in the dead-letter queue with the reason; its room goes on within 30 s",
                lambda on: set_aside_what_nobody_can_read(on, within=30),
                servers_only=True,
            ),
            Drill(
                "A worker is killed",
                "no request fails; everything stored within 120 s, when what it had in hand is visible again",
                lambda on: kill_a_worker(on, within=120),
                servers_only=True,
            ),
            _TASK_KILLED,
            *_writer_lost("the reader", elsewhere="a reader, servers and workers"),
            *_RELEASES_AND_LOAD,
        ),
        cannot="the loss of its Region or of SQS in it; without its database nobody reads, registers or signs in",
    ),
    "d7": Board(
        "ichinensei",
        "Ichinensei",
        "D7 Ichinensei: Oregon, Cognito, two servers that grow, a cache before a table, private files",
        files=True,
        place=phone_of,
        servers=2,
        drills=(
            Drill(
                "A file is asked for without its signature",
                "what is in it with its link, 403 in any other way",
                ask_without_a_signature,
            ),
            Drill(
                "The servers are scaled up while people talk",
                "no request fails, none is sent again; both have the size of the day within 120 s",
                lambda on: change_size(on, schedule="Day", allowed=NOTHING, within=120),
            ),
            _TASK_KILLED,
            Drill(
                "The cache is killed",
                "a replica takes over within 60 s; no request fails, none is sent again, and nobody signs in again",
                lambda on: kill_the_cache(on, allowed=NOTHING, within=60),
                lost="instance",
            ),
            _SERVERS_ZONE_LOST,
            _TABLE_FAILS,
            Drill(
                "The servers are scaled down again",
                "no request fails, none is sent again; both have the size of the night within 120 s",
                lambda on: change_size(on, schedule="Night", allowed=NOTHING, within=120),
                servers_only=True,
            ),
            *_RELEASES,
        ),
        cannot="the loss of its Region; and more people than two servers of the largest size can serve",
        crowd=MemberCrowd,
    ),
    "d8": Board(
        "sketch_book",
        "SketchBook",
        "D8 Sketch Book!!: servers in Tokyo and North America, all of the data in North America",
        files=True,
        place=phone_in_north_america,
        servers=2,
        drills=(
            Drill(
                "The same page is read on both sides of the Pacific",
                "in Tokyo each read takes one round trip more than in North America, and no second one",
                read_on_both_sides,
            ),
            Drill(
                "Somebody speaks in North America",
                "the session of Tokyo is known there; live in Tokyo within 3 s",
                lambda on: speak_in_north_america(on, within=3),
            ),
            Drill(
                "Somebody asks for the own files",
                "the storage index has the attachment; nobody else gets it",
                lambda on: ask_for_ones_files(on, within=30),
            ),
            _TASK_KILLED,
            Drill(
                "Asia is lost",
                "people are led to North America, and back; served within 60 s of that",
                lambda on: lose_asia(on, within=60),
            ),
            Drill(
                "By design: North America is lost",
                "nobody is served in Tokyo either until it is back, and nothing is lost",
                lambda on: lose_north_america(on, seconds=5, within=60),
                lost="Region",
                until_repaired=True,
            ),
        ),
        cannot="the loss of North America, which has the only table: Tokyo has servers, and nothing that they could "
        "answer with",
        around=across_the_pacific,
    ),
    "d9": Board(
        "browser_only",
        "BrowserOnly",
        "D9 the author's: no server, browsers call AWS themselves",
        files=True,
        place=phone_of,
        servers=0,
        drills=(
            Drill(
                "Somebody with an account tries what belongs to others",
                "each of it refused",
                browser_drills.try_what_is_refused,
            ),
            Drill(
                "By design: somebody with an account does what nobody checks",
                "all of it goes through",
                browser_drills.do_what_is_accepted,
            ),
            Drill(
                "A zone is lost",
                "nothing of the board is in it; no request fails",
                browser_drills.lose_a_zone,
                lost="zone",
            ),
            Drill(
                "DynamoDB fails for 5 s",
                "requests fail and are sent again; nothing is lost",
                lambda on: browser_drills.fail_the_database(on, seconds=5),
            ),
            Drill(
                "By design: the Region is lost",
                "nobody is served while it lasts, but for the page; all are within 60 s after it",
                lambda on: browser_drills.lose_the_region(on, seconds=5),
                lost="Region",
                until_repaired=True,
            ),
        ),
        cannot="the loss of its Region; and it cannot check who speaks in which room, under which name, who is "
        "notified of what, and who reads what",
        made=BrowserBoard,
        crowd=BrowserCrowd,
    ),
    "d10": Board(
        "common_board",
        "CommonBoard",
        "D10 the common board: several servers, files straight to S3, a table, push",
        files=True,
        place=phone_of,
        servers=2,
        drills=(_TASK_KILLED, _SERVERS_ZONE_LOST, _TABLE_FAILS, *_RELEASES_AND_LOAD),
        cannot="the loss of its Region",
    ),
    "c": Board(
        "",
        "Chat-",
        "C, our chat: functions and a table in two Regions",
        files=True,
        place=our_chat.phone_of_a_member,
        servers=0,
        drills=our_chat.DRILLS,
        cannot="the loss of both of its Regions; new sign-ins wait for the home Region",
        made=our_chat.ChatBoard,
        crowd=our_chat.ChatCrowd,
        synthesise=our_chat.synthesise,
    ),
}
"""By their numbers in the documents."""
SERVERS = ("d2", "d3", "d5", "d6")
"""Those of ``make demo-servers``."""
