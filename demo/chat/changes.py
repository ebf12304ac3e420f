"""What members do to messages: each method is a step that says what it saw."""

from typing import Any

from demo.chat.conversation import Conversation
from demo.chat.people import Person, new_id
from demo.logs import values_in_table
from demo.report import eventually, expect

_WITHIN = 15.0
_SLIP = "wrong room"


class Changes:
    """Goes on in the room of the conversation, in both Regions at once."""

    def __init__(self, scene: Conversation) -> None:
        """Play with the people of that conversation."""
        self.scene = scene
        self.room = scene.room

    def edit_delete_answer_and_react(self) -> str:
        """Edit a message in both Regions, delete one in the other, answer and react; see one state everywhere."""
        scene = self.scene
        asked, slip = (self._posted(scene.hanako, text) for text in ("いつ?", _SLIP))
        here, there = scene.here, scene.there
        # The same change three times, in both Regions.
        same = new_id()
        edits = [
            self._change(scene.hanako, region, asked, client_change_id=same, text="いつ、どこで?")
            for region in (here, here)
        ]
        self._agreed(asked, lambda state: "edited" in state)
        edits.append(self._change(scene.hanako, there, asked, client_change_id=same, text="いつ、どこで?"))
        expect(edits == [201, 200, 200], f"an edit that is sent three times answers {edits}")
        done = [
            self._change(scene.liam, there, asked, emoji="👍"),
            self._change(scene.mei, here, asked, emoji="🎉"),
            self._change(scene.liam, there, asked, text="not by me"),
        ]
        expect(done == [201, 201, 403], f"reacting and editing somebody else's answer {done}")
        deleted = scene.hanako.call(there, "DELETE", f"/rooms/{self.room}/messages/{slip}")
        # At once: nobody reads it while the Regions remove it from what they keep.
        shown = deleted.json().get("text")
        expect((deleted.status_code, shown) == (201, ""), f"deleting answers {deleted.status_code}, text {shown!r}")
        answer = scene.mei.post(here, self.room, "At the gate at noon", answers=asked).raise_for_status().json()["id"]
        state = self._agreed(asked, lambda state: len(state.get("reactions", {})) == len(("Liam", "Mei")))
        gone = self._agreed(slip, lambda state: "deleted" in state)
        quoted = self._quoted(answer, asked)
        expect(state["text"] == quoted == "いつ、どこで?", f"shown {state['text']!r}, quoted {quoted!r}")
        expect(gone["text"] == "", f"deleted, and says {gone['text']!r}")
        eventually(lambda: not self._kept(_SLIP) or None, within=_WITHIN, what="every table without the deleted text")
        late = [self._change(scene.hanako, region, slip, text="back") for region in (here, there)]
        expect(late == [410, 410], f"editing what was deleted answers {late}")
        return "edited once of 3 tries, 2 reactions, 1 deleted and in no table, 1 answer; one state in both Regions"

    def _posted(self, person: Person, text: str) -> str:
        message: str = person.post(self.scene.here, self.room, text).raise_for_status().json()["id"]
        self._agreed(message, lambda _state: True)
        return message

    def _change(self, person: Person, region: str, message: str, **body: str) -> int:
        path = f"/rooms/{self.room}/messages/{message}{'/reaction' if 'emoji' in body else ''}"
        return person.call(region, "PUT", path, json={"client_change_id": new_id()} | body).status_code

    def _kept(self, text: str) -> set[str]:
        """Return the Regions whose tables still have a text."""
        chat = self.scene.chat
        return {
            region
            for region in chat.regions
            if text in values_in_table(chat.cloud, region, chat.table, {"text": "text"}).get("text", ())
        }

    def _agreed(self, message: str, condition: Any) -> dict[str, Any]:
        """Return the state of a message once every Region has the same one, and it is as awaited."""

        def same() -> dict[str, Any] | None:
            path = f"/rooms/{self.room}/messages/{message}"
            answers = [self.scene.hanako.call(region, "GET", path) for region in self.scene.chat.regions]
            if any(answer.is_error for answer in answers):
                return None
            first, *others = [answer.json() for answer in answers]
            return first if condition(first) and all(other == first for other in others) else None

        return eventually(same, within=_WITHIN, what="one state of the message in every Region")

    def _quoted(self, answer: str, asked: str) -> str:
        """Return what the answer quotes, read in the other Region."""

        def read() -> str | None:
            params = {"before": "latest", "limit": 1}
            page = self.scene.liam.call(self.scene.there, "GET", f"/rooms/{self.room}/messages", params=params).json()
            if [one["id"] for one in page["messages"]] != [answer]:
                return None
            return str(next(one["text"] for one in page["answered"] if one["id"] == asked))

        return eventually(read, within=_WITHIN, what="the answer in the other Region")
