"""What stands between the chat and who asks too much of it: each method is a step that says what it saw."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from demo.chat.conversation import Conversation
from demo.chat.people import new_id
from demo.report import expect

_LIMIT = 120
"""Messages of one user in a minute and Region, as the configuration comes."""
_AT_ONCE = 8
_MINUTE = 60
_CODE = "<script>alert(1)</script>"


class Protection:
    """A caller over the limit, and requests that the web ACL blocks."""

    def __init__(self, scene: Conversation) -> None:
        """Play with the user whom nobody has invited."""
        self.scene = scene
        self.chat, self.here = scene.chat, scene.here
        self._room, self._refused, self._again_at = "", "", 0.0

    def too_often(self) -> str:
        """Post without a pause until the API says when to call again."""
        caller = self.scene.stranger
        made = caller.call(self.here, "POST", "/rooms", json={"name": "Alone"}).raise_for_status()
        self._room = made.json()["room"]

        def post(number: int) -> tuple[str, httpx.Response]:
            message, line = new_id(), f"A flood of lines, number {number}"
            return message, caller.post(self.here, self._room, line, client_message_id=message)

        taken, refused = 0, None
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # A minute of the clock may end meanwhile, and then the count begins anew.
            while refused is None and taken <= 2 * _LIMIT:
                for message, answer in pool.map(post, range(taken, taken + _AT_ONCE)):
                    taken += answer.status_code == httpx.codes.CREATED
                    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                        self._refused, refused = message, answer
        expect(refused is not None and taken >= _LIMIT, f"{taken} messages taken, none refused")
        wait = int(refused.headers["retry-after"]) if refused is not None else 0
        expect(1 <= wait <= _MINUTE, f"{taken} messages, then Retry-After: {wait}")
        other = self.scene.hanako.post(self.here, self.scene.room, "We are still served")
        expect(other.status_code == httpx.codes.CREATED, f"another user gets {other.status_code}")
        self._again_at = time.monotonic() + wait
        return f"{taken} taken, then 429, Retry-After: {wait}; others are served"

    def blocked(self) -> str:
        """Ask the site for what only attackers ask for; and let a member talk about it."""
        url = httpx.URL(self.chat.cloud.browser_url(self.chat.web_address))

        def ask(method: str, path: str, **options: object) -> httpx.Response:
            headers = {"Host": url.netloc.decode(), **self.scene.hanako.headers}
            address = f"{self.chat.cloud.endpoint}{path}"
            return self.scene.hanako.http.request(method, address, headers=headers, **options)  # type: ignore[arg-type]

        attack = ask("GET", "/api/rooms?file=../../etc/passwd")
        fine = ask("GET", "/api/rooms")
        message = {"client_message_id": new_id(), "text": _CODE}
        said = ask("POST", f"/api/rooms/{self.scene.room}/messages", json=message)
        statuses = [answer.status_code for answer in (attack, fine, said)]
        expect(statuses == [403, 200, 201], f"answers {statuses}")
        self.scene.arrived(self.scene.room, said.json()["id"])
        return f"../../ in an address 403, without it 200; {_CODE} in a message read in {self.scene.all_regions()}"

    def after_waiting(self) -> str:
        """Send the refused message again, when Retry-After has passed, as the client's outbox does."""
        wait = max(0.0, self._again_at - time.monotonic())
        time.sleep(wait)
        line = "Sent again after waiting"
        answer = self.scene.stranger.post(self.here, self._room, line, client_message_id=self._refused)
        expect(answer.status_code == httpx.codes.CREATED, f"the API answers {answer.status_code}")
        return f"201 ({wait:.0f} s were left to wait)"
