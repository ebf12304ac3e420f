"""Board D6 of the dojo, Anonymous, on the embedded cloud: workers from none and to none, and what is sent twice.

`test_boards.py` lets its people talk while its servers, workers, database and zones fail.
"""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aws_cdk import App, Environment

from cdp_constructs.local import LocalCloud
from cdp_constructs.operations.placeholders import refuse_placeholders
from cdp_constructs.testing import eventually
from stacks.dojo.anonymous.stack import AnonymousStack
from stacks.dojo.config import DojoConfiguration
from tests.behaviour.servers.boards import Board, Person

WORKERS = "WorkerServiceName"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, cdk_context: dict[str, Any]) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("anonymous")
    app = App(context=cdk_context, outdir=str(folder / "cdk.out"))
    configuration = DojoConfiguration()
    environment = Environment(region=configuration.region)
    stack = AnonymousStack(app, "Anonymous", env=environment, configuration=configuration, min_workers=0)
    refuse_placeholders([stack], configuration.placeholders)
    app.synth()
    with LocalCloud.start(timeout=120) as cloud:
        board = Board(cloud, folder / "cdk.out", "Anonymous")
        board.have_two_servers()
        yield board


@pytest.fixture(scope="module")
def ann(board: Board) -> Person:
    return board.person()


@pytest.fixture
def room() -> str:
    return f"room-{secrets.token_hex(6)}"


def is_stored(person: Person, message_id: str) -> bool:
    return person.http.get(f"/messages/{message_id}").status_code == 200


def waiting(board: Board, queue: str = "QueueUrl") -> int:
    """How many messages a queue has, in flight or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = board.client("sqs").get_queue_attributes(QueueUrl=board.outputs[queue], AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def scale(board: Board, count: int) -> None:
    """Let a number of workers run, as Application Auto Scaling does."""
    board.client("ecs").update_service(
        cluster=board.outputs["ClusterName"], service=board.outputs[WORKERS], desiredCount=count
    )
    eventually(lambda: len(board.tasks(WORKERS)) == count, within=60)


@contextmanager
def without_database(board: Board) -> Iterator[None]:
    """Take the database away: its writer dies, and nobody may connect to the one that takes over."""
    ec2 = board.client("ec2")
    [group] = {one["VpcSecurityGroupId"] for one in board.database_cluster()["VpcSecurityGroups"]}
    [rules] = [one["IpPermissions"] for one in ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]]
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    ids = [one["SecurityGroupRuleId"] for one in found if not one["IsEgress"]]
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ids)
    board.cloud.kill_database(board.instances()[0]["DBInstanceArn"])
    try:
        eventually(lambda: not board.is_deeply_healthy(), within=30)
        yield
    finally:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)


def test_a_message_is_accepted_without_a_worker_and_the_first_one_starts_for_it(
    board: Board, ann: Person, room: str
) -> None:
    # A new service has a task until scaling has seen that there is nothing to do. One that stops may still receive.
    scale(board, 0)
    eventually(lambda: board.have_ended(WORKERS), within=60)
    board.cloud.metrics.advance(minutes=3)
    message_id = str(uuid.uuid4())
    answer = ann.send(room, "first", message_id=message_id)
    assert (answer.status_code, answer.json()) == (202, {"state": "accepted", "id": message_id})
    assert not is_stored(ann, message_id)
    board.cloud.metrics.advance(minutes=2)
    assert board.desired(WORKERS) >= 1
    eventually(lambda: is_stored(ann, message_id), within=90)


def test_messages_are_accepted_while_the_database_is_away_and_stored_once_and_in_order(
    board: Board, ann: Person, room: str
) -> None:
    texts = [f"message {number}" for number in range(50)]
    ids = [str(uuid.uuid4()) for _ in texts]
    with without_database(board):
        answers = [ann.send(room, text, message_id=one) for text, one in zip(texts, ids, strict=True)]
        assert {answer.status_code for answer in answers} == {202}
        # A client that is not sure sends again.
        assert ann.send(room, texts[7], message_id=ids[7]).status_code == 202
        assert waiting(board) == 50
    eventually(lambda: is_stored(ann, ids[-1]), within=90)
    history = ann.history(room, at_least=50)
    assert [message["text"] for message in history] == texts
    assert [message["number"] for message in history] == list(range(1, 51))
    eventually(lambda: waiting(board) == 0, within=20)
    assert waiting(board, "DeadLetterQueueUrl") == 0


def test_workers_end_when_there_is_nothing_to_do(board: Board) -> None:
    eventually(lambda: waiting(board) == 0, within=60)
    board.cloud.metrics.advance(minutes=30)
    assert board.desired(WORKERS) == 0
    eventually(lambda: board.tasks(WORKERS) == [], within=60)
