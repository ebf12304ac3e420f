"""What the function needs to know, read once."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """Where events go, and where those that no topic takes."""

    function_name: str
    topic_arn: str
    record_dead_letter_queue_url: str

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        names = ("AWS_LAMBDA_FUNCTION_NAME", "TOPIC_ARN", "RECORD_DEAD_LETTER_QUEUE_URL")
        return cls(*(os.environ[name] for name in names))
