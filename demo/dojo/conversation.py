"""The conversation that twelve people hold on each board, and what must be left of it."""

import asyncio
import secrets
from dataclasses import dataclass

from demo.dojo.notified import PlaceOf
from demo.dojo.people import Crowd
from demo.dojo.stage import Deployed
from demo.report import Report, StepFailed, eventually, expect

__all__ = ["Conversation", "Counted"]

_LINES = 3
_PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 200


@dataclass(frozen=True)
class Counted:
    """What is left of a conversation.

    Args:
        messages: In the history.
        lost: Promised ones that are not in it.
        doubled: Texts that are in it twice.
    """

    messages: int = 0
    lost: int = 0
    doubled: int = 0


class Conversation:
    """Steps that are the same on each board.

    Args:
        stage: The board.
        crowd: The people.
        report: Where steps are shown.
    """

    def __init__(self, stage: Deployed, crowd: Crowd, report: Report) -> None:
        self._stage, self._crowd, self._report = stage, crowd, report
        self.counted = Counted()
        """What was left when it was settled."""

    async def hold(self, *, files: bool, place: PlaceOf) -> bool:
        """Hold it; return whether the people got in.

        Args:
            files: Whether the board has files; otherwise one must be refused.
            place: Makes what receives notices.
        """
        step = self._report.step_async
        people, lines = len(self._crowd.people), _LINES * len(self._crowd.present)
        with self._report.chapter("The conversation"):
            if not await step(f"{people} people register and sign in", f"{people} tokens", self._enter):
                return False
            await step(
                f"{len(self._crowd.present)} of them say {_LINES} things each",
                f"{lines} live messages for each, in order, each once",
                self._talk,
            )
            if files:
                await step("An attachment", "straight to the bucket, read by another", self._attach)
            else:
                await step("An attachment", "refused: the board has no files", self._attach_nowhere)
            notice = "one to whoever is away, none about others"
            await step("A notice of a mention", notice, lambda: self._notify(place))
            await step("History", f"every message once, {self._crowd.ORDER}", self._history)
            await step("Search by author", "all of one person's messages and no others", self._search)
            if self._crowd.LINKS:
                await step("Links to share the room", "X, Facebook and LINE lead to its page", self._share)
        return True

    async def settle(self) -> str:
        """Compare what is left with what was promised."""
        crowd = self._crowd
        await self._all_stored()
        history = await crowd.away.read_all()
        ledger = crowd.ledger
        lost, doubled = ledger.lost(history), ledger.doubled(history)
        self.counted = Counted(len(history), len(lost), len(doubled))
        await self._all_heard(len(history))
        told = (
            f"{len(history)} messages: {len(lost)} lost, {len(doubled)} doubled, {len(ledger.back_in_time)} reads "
            f"back in time, {len(ledger.out_of_order)} live messages out of order; "
            f"{ledger.reconnected} reconnections of {len(crowd.present)} listeners"
        )
        wrong = [*lost, *doubled, *ledger.back_in_time, *ledger.out_of_order]
        expect(not wrong, f"{told}: {wrong[:3]}")
        disorder = await asyncio.to_thread(crowd.disorder, history)
        expect(not disorder, f"{told}; {disorder}")
        return told

    async def _enter(self) -> str:
        people = list(self._crowd.people.values())
        await asyncio.gather(*(person.enter() for person in people))
        tokens = {person.token for person in people}
        expect(len(tokens) == len(people) and "" not in tokens, f"{len(tokens)} tokens")
        self._crowd.listen()
        return f"{len(tokens)} tokens"

    async def _talk(self) -> str:
        for line in range(_LINES):
            await asyncio.gather(*(person.say(f"{person.name}: line {line + 1}") for person in self._crowd.present))
        lines = _LINES * len(self._crowd.present)
        await self._all_heard(lines)
        return f"{lines} for each of {len(self._crowd.present)}"

    async def _attach(self) -> str:
        ann, ben = self._crowd.present[:2]
        picture = _PICTURE + secrets.token_bytes(1000)
        key = await ann.upload("cat.png", "image/png", picture)
        await ann.say("here is my cat", attachment=key)
        await self._all_stored()
        got = await ben.download(key)
        expect(got == picture, f"{len(got)} bytes: {got[:300]!a}")
        return f"{len(got):,} bytes to the bucket and from there"

    async def _attach_nowhere(self) -> str:
        asked = {"name": "cat.png", "content_type": "image/png", "size": 100}
        answer = await self._crowd.present[0].ask("POST", "/files", json=asked)
        expect(answer.status_code == 400, f"{answer.status_code} {answer.text}")
        return f"400: {answer.json()['error']}"

    async def _notify(self, place: PlaceOf) -> str:
        away, (ann, ben, *_) = self._crowd.away, self._crowd.present
        there = await place(self._stage, away)
        await ann.say(f"@{away.name} and @{ben.name}, have you seen it?")

        def came() -> list[dict[str, object]] | None:
            return there.received() or None

        await asyncio.to_thread(eventually, came, within=60, what="a notice")
        # A second one, or one of somebody else, would be here by then.
        await asyncio.sleep(1.5)
        notices = await asyncio.to_thread(there.received)
        found = [(notice["person"], notice["author"]) for notice in notices]
        expect(found == [(away.name, ann.name)], f"{notices}")
        return f"one, for {away.name}, by {ann.name}: {notices[0]['url']}"

    async def _history(self) -> str:
        await self._all_stored()
        history = await self._crowd.away.read_all()
        disorder = await asyncio.to_thread(self._crowd.disorder, history)
        expect(not disorder, disorder)
        missing = self._crowd.ledger.promised.keys() ^ {message["id"] for message in history}
        expect(not missing, f"{len(missing)} messages differ")
        return f"{len(history)} messages"

    async def _search(self) -> str:
        person = self._crowd.present[1]
        found = [message["id"] for message in await self._crowd.away.search(person.name)]
        own = [one["id"] for one in await self._crowd.away.read_all() if one["author"] == person.name]
        expect(found == own[::-1] and len(own) >= _LINES, f"{len(found)} found, {len(own)} in the room")
        return f"{len(found)} messages of {person.name}"

    async def _share(self) -> str:
        answer = await self._crowd.present[2].ask("GET", f"/rooms/{self._crowd.room}/share")
        expect(answer.status_code == 200, f"{answer.status_code} {answer.text}")
        links = answer.json()
        page = f"{self._stage.outputs['Url']}/rooms/{self._crowd.room}/page"
        expect(links.pop("url") == page, f"{answer.text}")
        expect(set(links) == {"x", "facebook", "line"}, f"{links}")
        return ", ".join(sorted(links))

    async def _all_stored(self) -> None:
        """Wait until what was accepted only is stored, too."""
        for _ in range(300):
            stored = {message["id"] for message in await self._crowd.away.read_all()}
            if self._crowd.ledger.promised.keys() <= stored:
                return
            await asyncio.sleep(0.2)

    async def _all_heard(self, number: int) -> None:
        for _ in range(300):
            behind = [person.name for person in self._crowd.present if person.heard < number]
            if not behind:
                return
            await asyncio.sleep(0.2)
        raise StepFailed(f"{', '.join(behind)} did not receive message {number} within 60 s")
