"""Who registers addresses and devices of others for push: functions post to no address that a user made up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx

from cdp_constructs.testing import Browser, eventually
from tests.stacks.chat.clients import HOME, Chat, Room, User

CHOICE = {"mail": True, "push": True, "quiet_minutes": 5, "language": "en"}
# Chrome's: nothing is sent to it here, because nobody writes while its user is away.
CHROME = "https://fcm.googleapis.com/fcm/send/made-up"


def register(user: User, endpoint: str, browser: Browser) -> httpx.Response:
    keys = {"p256dh": browser.p256dh, "auth": browser.auth}
    return user.call(HOME, "POST", "/me/devices", {"platform": "web_push", "endpoint": endpoint, "keys": keys})


def key_of(user: User) -> str:
    return str(user.call(HOME, "POST", "/session", {}).json()["web_push_key"])


def notified(chat: Chat) -> set[str]:
    """Return who was mailed a notice; codes of the user pool have no link that ends them."""
    mails = [mail for mail in chat.cloud.sent_mails(HOME) if "List-Unsubscribe" in mail.headers]
    return {address for mail in mails for address in mail.to}


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """Listen as the attacker does; give the address, and what was asked there."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(201)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_port}", asked
        server.shutdown()


def test_a_made_up_endpoint_is_refused_and_never_asked(room: Room, chat: Chat) -> None:
    stranger = room.ben
    browser = Browser(chat.cloud, key_of(stranger))
    assert register(stranger, CHROME, browser).status_code == 201
    assert stranger.call(HOME, "PUT", "/me/notifications", CHOICE).status_code == 200
    with listening() as (address, asked):
        made_up = (
            f"http://{address}/x",
            f"https://{address}/x",
            f"https://fcm.googleapis.com@{address}/x",
            f"https://{address}\\@fcm.googleapis.com/x",
            f"https://fcm.googleapis.com/x\r\nHost: {address}",
            "http://169.254.169.254/latest/meta-data/",
            "http://localhost:9001/2018-06-01/runtime/invocation/next",
            "https://[::1]/x",
            "https://10.0.0.1/x",
            "https://fcm.googleapis.com.evil.example/x",
            "http://fcm.googleapis.com/x",
            browser.endpoint,  # The embedded cloud's own, which this chat does not list.
        )
        assert {register(stranger, endpoint, browser).status_code for endpoint in made_up} == {400}
        device = register(stranger, CHROME, browser).json()["device"]
        assert stranger.call(HOME, "DELETE", f"/me/devices/{device}").status_code == 200
        room.anna.post(HOME, room.id, "Are you there?")
        eventually(lambda: stranger.mail in notified(chat), within=60)
        assert asked == []
    assert browser.received() == []


def test_a_device_of_somebody_else_is_not_found_and_stays(chat: Chat) -> None:
    owner, stranger = chat.user(), chat.user()
    device = register(owner, CHROME, Browser(chat.cloud, key_of(owner))).json()["device"]
    assert stranger.call(HOME, "DELETE", f"/me/devices/{device}").status_code == 404
    assert owner.call(HOME, "DELETE", f"/me/devices/{device}").status_code == 200


def test_one_user_registers_twenty_devices_and_no_more(chat: Chat) -> None:
    greedy = chat.user()
    browser = Browser(chat.cloud, key_of(greedy))
    answers = [register(greedy, f"{CHROME}-{number}", browser) for number in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [400]
    assert "remove one" in answers[-1].json()["message"]
