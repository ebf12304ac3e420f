"""What the function needs to know, read once."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """The table's replica, the queue of notices, and where a notice links to."""

    table_name: str
    queue_url: str
    web_address: str

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        return cls(os.environ["TABLE_NAME"], os.environ["NOTICES_QUEUE"], os.environ["WEB_ADDRESS"])
