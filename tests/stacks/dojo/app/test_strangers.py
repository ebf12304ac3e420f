"""What strangers send to a server and a worker, with the store and the queue that they have."""

import json
import socket
import uuid

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.properties.inputs import TEXTS, UNREADABLE
from tests.stacks.dojo.app.chats import Chat, Server, end
from tests.stacks.dojo.app.stores import REGION

pytestmark = pytest.mark.conformance


def test_no_request_is_the_servers_mistake(server: Server, room: str) -> None:
    ann = server.person()
    endpoint = "https://fcm.googleapis.com/a"
    documents = [
        {"endpoint": endpoint + "\0", "keys": {"p256dh": "B", "auth": "a"}},
        {"endpoint": endpoint, "keys": {"p256dh": "\0", "auth": "a"}},
        {"id": str(uuid.uuid4()), "text": "a\0b"},
        *TEXTS,
    ]
    bodies = [*UNREADABLE, *map(json.dumps, documents)]
    seen = set()
    for method, path in (("POST", "/people"), ("PUT", "/push"), ("POST", f"/rooms/{room}/messages")):
        for body in bodies:
            answer = ann.http.request(method, path, content=body.encode(errors="surrogatepass"))
            seen.add(answer.status_code)
            assert answer.status_code in {400, 413}, (method, path, body[:80], answer.text)
    assert seen == {400, 413}
    for name in ("%00", "%ff", "%ed%a0%80", "a%0d%0ab", "..%2f..", "%F0%9F%98%80", "k" * 3000):
        for path in (f"/rooms/{name}/messages", f"/people/{name}/messages", f"/files/{name}", f"/messages/{name}"):
            assert 400 <= ann.http.get(path).status_code < 500, path
    assert ann.send(room, "and then").status_code == 201


@pytest.mark.parametrize(
    "request_line",
    [b"GET /\xff HTTP/1.1", b"GET /health?\xff HTTP/1.1", b"\x00 / HTTP/1.1", b"GET / HTTP/9.9", b"[" * 70_000],
    ids=range(5),
)
def test_what_is_no_request_does_not_end_the_server(server: Server, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request_line + b"\r\nHost: a\r\nX-Note: \xff\r\nConnection: close\r\n\r\n")
        answer = connection.recv(1000)
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert server.person().token


def test_an_unreadable_message_costs_only_itself(
    cloud: LocalCloud, outputs: dict[str, str], chat: Chat, server: Server, room: str
) -> None:
    ann = server.person()
    sqs = cloud.client("sqs", region=REGION)
    while sqs.receive_message(QueueUrl=outputs["DeadLetters"]).get("Messages"):
        sqs.purge_queue(QueueUrl=outputs["DeadLetters"])
    posting = {"id": "", "text": "", "room": room, "author": ann.name}
    unreadable = [
        json.dumps({**posting, "id": str(uuid.uuid4()), "text": "a", "\x01": 1}),
        json.dumps({**posting, "id": str(uuid.uuid4()), "text": "a\0b"}),
        "[" * 100_000,
        '{"a": 1, "a": NaN}',
        "x" * 262_144,
    ]
    bodies = []
    for number, body in enumerate(unreadable):
        bodies += [json.dumps({**posting, "id": str(uuid.uuid4()), "text": f"text {number}"}), body]
    for body in [*bodies, json.dumps({**posting, "id": str(uuid.uuid4()), "text": "last"})]:
        unique = uuid.uuid4().hex
        sqs.send_message(
            QueueUrl=outputs["Queue"], MessageBody=body, MessageGroupId=room, MessageDeduplicationId=unique
        )
    worker = chat.worker(queue_url=outputs["Queue"], dead_letter_queue_url=outputs["DeadLetters"])
    expected = [*(f"text {number}" for number in range(len(unreadable))), "last"]
    assert eventually(lambda: ann.texts(room)[-1:] == ["last"], within=30)
    assert ann.texts(room) == expected
    assert end(worker) == 0
    dead: list[str] = []
    while found := sqs.receive_message(QueueUrl=outputs["DeadLetters"], MaxNumberOfMessages=10).get("Messages"):
        dead += [message["Body"] for message in found]
        for message in found:
            sqs.delete_message(QueueUrl=outputs["DeadLetters"], ReceiptHandle=message["ReceiptHandle"])
    assert dead == unreadable
