"""What people asked, what failed, and what they were told was kept: who counts at the end looks here."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "Ledger", "Said", "Watch"]


@dataclass(frozen=True)
class Answer:
    """How an attempt of a request ended."""

    at: float
    """By the clock of ``time.monotonic``."""
    seconds: float
    kind: str
    """Such as ``POST``."""
    failure: str | None
    """A status of 500 or more, or the error of a connection; None when it was answered."""
    sent_again: bool = False
    """Whether the client has sent the request again by itself: then it has not failed yet."""


@dataclass(frozen=True)
class Said:
    """A message that a server has said it stored or accepted."""

    author: str
    began: float
    """By the clock of ``time.monotonic``: when its author started to send it."""
    at: float
    """When it was answered."""


@dataclass
class Ledger:
    """Written by people, read by steps."""

    answers: list[Answer] = field(default_factory=list)
    promised: dict[str, str] = field(default_factory=dict)
    """Texts of the messages that a server has said it stored or accepted, by id."""
    said: dict[str, Said] = field(default_factory=dict)
    """The same messages, by id."""
    heard: dict[str, dict[str, float]] = field(default_factory=dict)
    """When each listener received a message live, by its id and the listener's name."""
    back_in_time: list[str] = field(default_factory=list)
    """Reads that did not have what their reader had seen before."""
    out_of_order: list[str] = field(default_factory=list)
    """Live messages that came twice, too early or too late."""
    reconnected: int = 0
    """How often a listener connected anew."""

    def note(self, kind: str, started: float, failure: str | None, *, sent_again: bool = False) -> None:
        """Write down how an attempt of a request ended."""
        now = time.monotonic()
        self.answers.append(Answer(now, now - started, kind, failure, sent_again))

    def note_said(self, identity: str, author: str, text: str, began: float) -> None:
        """Write down that a server has stored or accepted a message."""
        self.promised[identity] = text
        self.said[identity] = Said(author, began, time.monotonic())

    def note_heard(self, identity: str, listener: str) -> None:
        """Write down that somebody received a message live."""
        self.heard.setdefault(identity, {}).setdefault(listener, time.monotonic())

    def again(self, people: Collection[str], since: float) -> float | None:
        """Return when everybody had sent and received again, None while somebody has not.

        Args:
            people: Who listens.
            since: Messages count that were started later.
        """
        said = {identity: one for identity, one in self.said.items() if one.began >= since}
        latest = since
        for name in people:
            sent = [one.at for one in said.values() if one.author == name]
            of_others = [self.heard.get(identity, {}) for identity, one in said.items() if one.author != name]
            received = [heard[name] for heard in of_others if name in heard]
            if not sent or not received:
                return None
            latest = max(latest, min(sent), min(received))
        return latest

    def slowest_delivery(self, since: float) -> float:
        """Return the seconds that a message took at most from its server's answer to a listener.

        Args:
            since: Messages count that were started later.
        """
        took = [
            at - one.at
            for identity, one in self.said.items()
            if one.began >= since
            for at in self.heard.get(identity, {}).values()
        ]
        return max(0.0, *took) if took else 0.0

    def lost(self, history: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the texts of promised messages that are not in a history."""
        kept = {message["id"] for message in history}
        return [text for identity, text in self.promised.items() if identity not in kept]

    @staticmethod
    def doubled(history: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the texts that are in a history more than once; people write each of theirs once."""
        counted = Counter((message["author"], message["text"]) for message in history)
        return [f"{author}: {text}" for (author, text), count in counted.items() if count > 1]


class Watch:
    """Looks at the requests from now on.

    Args:
        ledger: Where they are written down.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._first = len(ledger.answers)
        self.began = time.monotonic()
        """When something happened."""
        self.restored = 0.0
        """When what was lost came back by an operator's hand; 0 when nobody gave it back."""

    @property
    def answers(self) -> list[Answer]:
        """The attempts that have ended since then."""
        return self._ledger.answers[self._first :]

    @property
    def unanswered(self) -> list[Answer]:
        """Attempts that failed, whatever came of their requests."""
        return [answer for answer in self.answers if answer.failure is not None]

    @property
    def failed(self) -> list[Answer]:
        """The last attempts of requests that failed: their person was told so."""
        return [answer for answer in self.unanswered if not answer.sent_again]

    @property
    def sent_again(self) -> int:
        """How often a client has sent a request again by itself."""
        return sum(answer.sent_again for answer in self.answers)

    @property
    def served_again(self) -> float:
        """Seconds until a request was answered and no attempt failed after it; 0 when none failed."""
        failed = self.unanswered
        if not failed:
            return 0.0
        later = [answer.at for answer in self.answers if answer.failure is None and answer.at > failed[-1].at]
        return (min(later) if later else time.monotonic()) - self.began

    def stopped(self, *kinds: str) -> float:
        """Return for how long requests of these kinds were not answered since it began.

        That is until the first answer after the last failure, or what the slowest took when none failed.
        """
        answers = [answer for answer in self.answers if answer.kind in kinds and answer.at >= self.began]
        slowest = max((answer.seconds for answer in answers), default=0.0)
        failed = [answer.at for answer in answers if answer.failure is not None]
        if not failed:
            return slowest
        later = [answer.at for answer in answers if answer.failure is None and answer.at > failed[-1]]
        return max(slowest, (min(later) if later else time.monotonic()) - self.began)

    @property
    def calm(self) -> bool:
        """Whether the last twenty attempts were answered, all of them made since then."""
        last = self.answers[-20:]
        return len(last) == 20 and all(answer.failure is None for answer in last)

    def told(self) -> str:
        """Say it in a few words."""
        answers, failed, again = self.answers, self.failed, self.sent_again
        told = f"{len(failed)} of {len(answers) - again} requests failed, {again} were sent again"
        if not self.unanswered:
            slowest = max((answer.seconds for answer in answers), default=0.0)
            return f"{told}, the slowest took {slowest:.1f} s"
        counted = Counter(one.failure for one in self.unanswered).most_common(3)
        why = ", ".join(f"{count} {what}" for what, count in counted)
        return f"{told} ({why}), served again after {self.served_again:.1f} s"
