"""The environment of the function."""

import json
import os
from dataclasses import dataclass

from .folding import Threshold

__all__ = ["Environment"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The function's variables."""

    function_name: str
    table_name: str
    topic_arn: str
    record_dead_letter_queue_url: str
    measures: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    window_ms: int
    """How long a window is."""
    window_retention_ms: int | None
    """How long windows are kept; None for a layer without windows."""

    @classmethod
    def read(cls) -> "Environment":
        """Return what the variables of this process say."""
        retention = os.environ.get("WINDOW_RETENTION_S")
        return cls(
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            table_name=os.environ["TABLE_NAME"],
            topic_arn=os.environ["TOPIC_ARN"],
            record_dead_letter_queue_url=os.environ["RECORD_DEAD_LETTER_QUEUE_URL"],
            measures=tuple(json.loads(os.environ["MEASURES"])),
            thresholds=tuple(Threshold(**threshold) for threshold in json.loads(os.environ["THRESHOLDS"])),
            window_ms=int(os.environ.get("WINDOW_S", "60")) * 1000,
            window_retention_ms=int(retention) * 1000 if retention is not None else None,
        )
