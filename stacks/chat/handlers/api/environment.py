"""What the function needs to know, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json


@dataclass(frozen=True)
class Environment:
    """This Region, its table's replica, and the functions behind the API."""

    region: str
    log_regions: tuple[str, ...]
    """Every Region that may hold a part of a room's history."""
    table_name: str
    limits: Mapping[str, int]
    """The most that one user may do in a span of the clock, by ``Budget``."""
    max_delivery_lag: float | None
    """Seconds within which what is accepted has to be seen; None for any time."""
    typing_notices: bool
    """Whether who types is told to others."""
    realtime: Mapping[str, Any]
    """Where clients find the live channels."""
    upload_function: str
    """Hands out upload forms of this Region."""
    signing_functions: Mapping[str, str]
    """Signs downloads of a Region's attachments, by Region."""
    attachment_index: str
    """Table of what is in the upload buckets of all Regions."""
    accepted_prefix: str
    """The part of an attachment's key that its address does not have: the distribution shows this folder only."""

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        return cls(
            region=os.environ["AWS_REGION"],
            log_regions=tuple(os.environ["LOG_REGIONS"].split(",")),
            table_name=os.environ["TABLE_NAME"],
            limits=from_json(os.environ["LIMITS"]),
            max_delivery_lag=float(os.environ["MAX_DELIVERY_LAG"]) if "MAX_DELIVERY_LAG" in os.environ else None,
            typing_notices="NO_TYPING_NOTICES" not in os.environ,
            realtime=from_json(os.environ["REALTIME"]),
            upload_function=os.environ["UPLOAD_FUNCTION"],
            signing_functions=from_json(os.environ["SIGNING_FUNCTIONS"]),
            attachment_index=os.environ["ATTACHMENT_INDEX"],
            accepted_prefix=os.environ["ACCEPTED_PREFIX"],
        )
