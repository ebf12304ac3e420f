"""The people of the chat, and what they do in a second of the busiest hour."""

from dataclasses import dataclass
from math import exp

from cdp_constructs.estimates import DAYS_A_MONTH, MILLION

__all__ = ["Crowd"]

_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Crowd:
    """How many people there are, and what each does. The figures are assumptions: replace them by your own."""

    people: int = MILLION
    messages_a_day: float = 10
    """Of each."""
    open_minutes_a_day: float = 60
    """How long each has a room open."""
    visits_a_day: float = 6
    """How often each opens the client: a connection, a session, a page of history."""
    watching: float = 10
    """People who have the room of a message open."""
    notices_a_day: float = 2
    """Mails and pushes together that each gets: the first of a quiet period, then a digest."""
    mails: float = 0.5
    """Part of the notices that are mails."""
    files_a_day: float = 0.2
    """Attachments of each, a megabyte each."""
    message_bytes: int = 500
    """As it is stored."""
    regions: int = 2
    typing_notices: bool = True
    """Whether others are told who types."""
    sign_in_plan: str = "essentials"
    """The plan of the user pool, `essentials` or `lite`."""
    peak: float = 3
    """The busiest hour against the mean of the day."""

    def a_second(self, times_a_day: float) -> float:
        """Return how often a second, in the busiest hour, what each does so often a day is done."""
        return self.people * times_a_day * self.peak / _SECONDS_A_DAY

    @property
    def online(self) -> float:
        """People who have a room open in the busiest hour."""
        return self.a_second(self.open_minutes_a_day * 60)

    @property
    def messages(self) -> float:
        """Messages a month."""
        return self.people * self.messages_a_day * DAYS_A_MONTH

    @property
    def of_a_message(self) -> int:
        """Requests, and live events, that a message causes: itself, and twice who types."""
        return 3 if self.typing_notices else 1

    @property
    def live_events(self) -> float:
        """Events a second that live channels get: messages, coming and going, and who types."""
        return self.a_second(self.messages_a_day * self.of_a_message + self.visits_a_day * 2)

    @property
    def events_together(self) -> float:
        """Part of the live events of a room that come within the second before another one, in the busiest hour.

        Rooms are as large as the people who watch one, and what happens in them does not depend on each other.
        """
        return 1 - exp(-self.live_events / (self.people / self.watching))

    @property
    def requests(self) -> float:
        """Requests a second to the API: heartbeats, messages, and four when the client is opened."""
        return self.a_second(self.open_minutes_a_day + self.messages_a_day * self.of_a_message + self.visits_a_day * 4)
