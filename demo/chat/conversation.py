"""What members do in rooms: each method is a step that says what it saw."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from demo.chat.people import Person, new_id, sign_up
from demo.chat.system import Chat
from demo.report import eventually, expect

WRITERS, EACH = 4, 10


class Conversation:
    """Three members in two Regions, and one user who is no member."""

    def __init__(self, chat: Chat) -> None:
        """Play in this system."""
        self.chat = chat
        self.here, self.there = chat.regions[0], chat.regions[1]
        self.hanako: Person
        self.liam: Person
        self.mei: Person
        self.stranger: Person
        self.room = ""
        self._invite_code = ""
        self.attachment = ""

    def sign_up_and_in(self) -> str:
        """Make four accounts, one of which nobody invites."""
        self.hanako, self.liam, self.mei, self.stranger = map(self._signed_up, ("Hanako", "Liam", "Mei", "Stranger"))
        answers = [self._status("GET", region, "/rooms", headers={}) for region in self.chat.regions]
        expect(answers == [401] * len(answers), f"without a token the APIs answer {answers}")
        return "4 signed in; without a token 401 in each Region"

    def newcomer(self, name: str) -> Person:
        """Sign somebody up who joins the room."""
        person = self._signed_up(name)
        self._join(person, self.here, self.room, self._invite_code)
        return person

    def open_a_room(self) -> str:
        """Make a room in one Region and let the others join from the other."""
        made = self.hanako.call(self.here, "POST", "/rooms", json={"name": "花見 / Hanami"}).raise_for_status().json()
        self.room, self._invite_code = made["room"], made["invite_code"]
        for person in (self.liam, self.mei):
            self._join(person, self.there, self.room, self._invite_code)
        return f"made in {self.here}, joined in {self.there}"

    def talk(self) -> str:
        """Post from both sides."""
        lines = [
            (self.hanako, self.here, "桜が咲きました"),
            (self.liam, self.there, "On my way"),
            (self.mei, self.there, "Bringing tea"),
            (self.hanako, self.here, "待っています"),
        ]
        for person, region, text in lines:
            answer = person.post(region, self.room, text)
            expect(answer.status_code == 201, f"{person.name} got {answer.status_code} in {region}: {answer.text}")
            # Replication takes a moment; people answer what they have read.
            self.arrived(self.room, answer.json()["id"])
        return f"{len(lines)} messages, each read in both Regions"

    def send_twice(self) -> str:
        """Send the same message again, in its own Region and in the other one."""
        same = new_id()
        first = self.liam.post(self.there, self.room, "Which gate?", client_message_id=same)
        self.arrived(self.room, first.json()["id"])
        again = [
            self.liam.post(region, self.room, "Which gate?", client_message_id=same) for region in self.chat.regions
        ]
        seen = [answer.status_code for answer in (first, *again)]
        copies = [m for m in self.hanako.history(self.here, self.room) if m["text"] == "Which gate?"]
        expect(seen == [201, 200, 200] and len(copies) == 1, f"answers {seen}, {len(copies)} copies")
        return "answers 201, 200, 200; one message"

    def same_history(self) -> str:
        """Read the whole room in every Region."""
        histories = self._equal_histories(self.room)
        return f"{len(histories)} messages, the same order in {self.all_regions()}"

    def write_at_once(self) -> str:
        """Let both Regions write to a new room at the same time, as fast as they can."""
        made = self.hanako.call(self.here, "POST", "/rooms", json={"name": "Rush hour"}).raise_for_status().json()
        room = made["room"]
        self._join(self.liam, self.there, room, made["invite_code"])
        sent = [
            (person, region, f"{person.name} {writer}.{number}")
            for person, region in ((self.hanako, self.here), (self.liam, self.there))
            for writer in range(WRITERS // 2)
            for number in range(EACH)
        ]
        with ThreadPoolExecutor(WRITERS) as pool:
            answers = list(pool.map(lambda line: line[0].post(line[1], room, line[2]), sent))
        stored = [answer.json() for answer in answers if answer.status_code == 201]
        expect(len(stored) == len(sent), f"{len(stored)} of {len(sent)} accepted")
        history = self._equal_histories(room, at_least=len(sent))
        texts = [message["text"] for message in history]
        expect(sorted(texts) == sorted(text for *_, text in sent), f"{len(set(texts))} different of {len(texts)}")
        numbers = {(m["region"], m["sequence"]) for m in history}
        expect(numbers == {(m["region"], m["sequence"]) for m in stored}, "a message has another number than it got")
        gapless = all(
            sorted(number for region, number in numbers if region == one) == list(range(1, len(sent) // 2 + 1))
            for one in self.chat.regions
        )
        expect(gapless, f"numbers have gaps: {sorted(numbers)}")
        return f"{len(sent)} sent, {len(history)} kept, numbers as given, the same order in {self.all_regions()}"

    def all_regions(self) -> str:
        """Return the names of the Regions."""
        return " and ".join(self.chat.regions)

    def _status(self, method: str, region: str, path: str, **options: Any) -> int:
        return httpx.request(method, self.chat.apis[region] + path, timeout=20, **options).status_code

    def _signed_up(self, name: str) -> Person:
        pool, client = self.chat.user_pool
        return sign_up(
            self.chat.cloud, self.chat.home, client_id=client, user_pool_id=pool, apis=self.chat.apis, name=name
        )

    def _join(self, person: Person, region: str, room: str, code: str) -> None:
        def joined() -> bool | None:
            # The room itself has to reach the other Region first.
            answer = person.call(region, "POST", f"/rooms/{room}/members", json={"invite_code": code})
            return True if answer.status_code == 200 else None

        eventually(joined, within=10, what=f"{person.name}'s way into the room")

        def known_everywhere() -> bool | None:
            statuses = [person.call(one, "GET", f"/rooms/{room}/messages").status_code for one in self.chat.regions]
            return True if set(statuses) == {200} else None

        eventually(known_everywhere, within=10, what=f"{person.name}'s membership in every Region")

    def arrived(self, room: str, message: str) -> None:
        """Wait until a message is read in every Region."""

        def read_everywhere() -> bool | None:
            histories = [self.hanako.history(region, room) for region in self.chat.regions]
            return all(message in {one["id"] for one in history} for history in histories) or None

        eventually(read_everywhere, within=10, what="the message in every Region")

    def _equal_histories(self, room: str, *, at_least: int = 1) -> list[dict[str, Any]]:
        def equal() -> list[dict[str, Any]] | None:
            first, *others = [self.hanako.history(region, room) for region in self.chat.regions]
            return first if len(first) >= at_least and all(other == first for other in others) else None

        return eventually(equal, within=15, what="the same history in every Region")
