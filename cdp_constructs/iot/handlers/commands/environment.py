"""What the function knows about its fleet."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Environment:
    """The variables of the function, read once."""

    allow_list: str
    """Name of the table of devices."""
    app: str
    """The application level of topics."""
    outcomes: str
    """URL of the queue of responses and time-outs."""
    sessions: str
    """Name of the table of sessions."""
    timeout_seconds: int
    """How long a device has to respond."""
    path_prefix: str
    """What stands before the routes of the API, empty for nothing."""

    @classmethod
    def read(cls) -> Self:
        """Read the variables."""
        return cls(
            allow_list=os.environ["ALLOW_LIST"],
            app=os.environ["APP"],
            outcomes=os.environ["OUTCOMES"],
            sessions=os.environ["SESSIONS"],
            timeout_seconds=int(os.environ["TIMEOUT_SECONDS"]),
            path_prefix=os.environ.get("PATH_PREFIX", ""),
        )
