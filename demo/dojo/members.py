"""People whose accounts are at a user pool, and who get files from a private distribution."""

import asyncio

from demo.dojo.accounts import id_token
from demo.dojo.people import Crowd, Person
from demo.dojo.stage import Stage

__all__ = ["Member", "MemberCrowd"]


class Member(Person):
    """Somebody whom the user pool knows; the chat has no password of this person."""

    crowd: "MemberCrowd"

    async def credentials(self) -> dict[str, str]:
        """Sign up and in at the pool, and return its token with the name that this person takes."""
        token = await asyncio.to_thread(id_token, self.crowd.stage, f"{self.name}@example.com")
        return {"name": self.name, "token": token}


class MemberCrowd(Crowd):
    """Twelve members of the board's user pool.

    Args:
        stage: The board.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        super().__init__(stage.url, stage.live_url, stage.tls, patience=180)

    def person(self, name: str) -> Member:
        """Return somebody of this name, who has no account yet."""
        return Member(name, self)

    def reached(self, url: str) -> str:
        """Return where an address of the distribution is reached."""
        return self.stage.cloud.viewer_url(url)
