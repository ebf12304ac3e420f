"""What the function needs to know, read once."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """The table's replica, and the topic of this Region."""

    region: str
    table_name: str
    topic_arn: str

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        return cls(os.environ["AWS_REGION"], os.environ["TABLE_NAME"], os.environ["TOPIC_ARN"])
