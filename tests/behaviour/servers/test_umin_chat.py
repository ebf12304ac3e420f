"""Board D5 of the dojo, Umin Chat, on the embedded cloud: what CloudFront keeps, and readers that lag.

`test_boards.py` lets its people talk while its servers, database and zones fail.
"""

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from aws_cdk import App

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from stacks.dojo import system
from tests.behaviour.servers.boards import Board, Person

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 200


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, cdk_context: dict[str, Any]) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("umin-chat")
    app = App(context=cdk_context, outdir=str(folder / "cdk.out"))
    system.add_to(app, {"boards": ["umin_chat"]})
    app.synth()
    with LocalCloud.start(timeout=120) as cloud:
        board = Board(cloud, folder / "cdk.out", "UminChat")
        board.url = cloud.distribution_url(board.deployment.outputs["UminChatEdge"]["DistributionDomain"])
        board.have_two_servers()
        yield board


@pytest.fixture(scope="module")
def ann(board: Board) -> Person:
    return board.person()


@pytest.fixture(scope="module")
def ben(board: Board) -> Person:
    return board.person()


@pytest.fixture
def room() -> str:
    return f"room-{secrets.token_hex(6)}"


def test_what_one_says_others_read_and_hear_by_cloudfront(ann: Person, ben: Person, room: str) -> None:
    with ben.listening(room, 0) as live:
        sent = ann.send(room, "hello")
        assert (sent.status_code, sent.json()["number"]) == (201, 1)
        assert json.loads(live.recv(timeout=10))["text"] == "hello"
    assert sent.headers["x-cache"] == "Miss from cloudfront"
    assert ben.texts(room, at_least=1) == ["hello"]
    assert ben.http.get(f"/rooms/{room}/messages", headers={"Authorization": "Bearer nobody"}).status_code == 401


def test_a_page_is_kept_for_a_second_and_for_each_room(board: Board, ann: Person, room: str) -> None:
    other = f"{room}-other"
    with board.web() as reader:
        ann.send(other, "in the other room")
        ann.send(room, "first")
        eventually(lambda: "first" in reader.get(f"/rooms/{room}/page").text, within=10)
        # What was asked for is kept for a second at most: begin with a new one.
        eventually(lambda: reader.get(f"/rooms/{room}/page").headers["x-cache"] == "Miss from cloudfront", within=10)
        ann.send(room, "second")
        kept = reader.get(f"/rooms/{room}/page")
        assert kept.headers["x-cache"] == "Hit from cloudfront"
        assert "second" not in kept.text
        assert "in the other room" in reader.get(f"/rooms/{other}/page").text
        eventually(lambda: "second" in reader.get(f"/rooms/{room}/page").text, within=5)
        reader.get(f"/rooms/{room}/page")
        with ThreadPoolExecutor(10) as readers:
            pages = list(readers.map(lambda _: httpx.get(f"{board.url}/rooms/{room}/page", timeout=20), range(40)))
    assert {page.status_code for page in pages} == {200}
    # Forty readers within a second or two cost one request for each second.
    assert sum(page.headers["x-cache"] == "Miss from cloudfront" for page in pages) <= 5


@contextmanager
def paused(board: Board) -> Iterator[None]:
    """Let the readers of the database lag."""
    with board.cloud.open_databases(), ExitStack() as opened:
        connections = [opened.enter_context(board.connect(instance)) for instance in board.instances()[1:]]
        for reader in connections:
            reader.execute("select pg_wal_replay_pause()")
            opened.callback(reader.execute, "select pg_wal_replay_resume()")
        yield


def test_an_author_reads_the_own_message_at_once_while_the_replicas_lag(
    board: Board, ann: Person, ben: Person, room: str
) -> None:
    ann.send(room, "before")
    eventually(lambda: ben.texts(room) == ["before"], within=10)
    with paused(board):
        # The replay of a replica ends at the next record.
        ann.send(f"{room}-other", "a record")
        number = ann.send(room, "mine").json()["number"]
        assert ann.texts(room, at_least=number) == ["before", "mine"]
        assert {len(ben.texts(room)) for _ in range(6)} == {1}, "who has not seen it is answered by a replica"
    eventually(lambda: ben.texts(room) == ["before", "mine"], within=10)


def test_a_file_goes_past_the_servers(ann: Person, ben: Person, room: str) -> None:
    picture = PICTURE + secrets.token_bytes(1000)
    asked = {"name": "cat.png", "content_type": "image/png", "size": len(picture)}
    form = ann.http.post("/files", json=asked).json()
    sent = httpx.post(form["url"], data=form["fields"], files={"file": ("cat.png", picture, "image/png")})
    assert sent.is_success, sent.text
    eventually(lambda: ann.http.get(f"/files/{form['attachment']}").status_code == 200, within=60)
    assert ben.http.get(f"/files/{form['attachment']}").status_code == 404, "not part of a message yet"
    assert ann.send(room, "my cat", attachment=form["attachment"]).status_code == 201
    link = ben.http.get(f"/files/{form['attachment']}").json()["url"]
    assert httpx.get(link).content == picture
