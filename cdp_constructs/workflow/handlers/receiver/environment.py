"""What the function is configured with."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Sender:
    """How the sender signs, names and orders its deliveries."""

    scheme: str
    """``hmac-sha256`` signs the body, ``standard-webhooks`` id and time too, ``shared-token`` and ``secret-in-address``
    nothing."""
    signature_header: str
    signature_prefix: str
    signature_encoding: str
    """``hex`` or ``base64``."""
    timestamp_header: str
    """Header with the time, which is signed too; empty when it is not."""
    delivery_header: str
    """Header with the id of a delivery; empty when the sender gives none."""
    delivery_pointer: str
    """JSON pointer into the body to the id of a delivery; empty when it is not there."""
    group_by: str
    """JSON pointer into the body to what a delivery is about; empty when order does not matter."""
    equal_bodies_are_replays: bool
    """Whether a body that came before counts as the same delivery, whatever its id."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The function's environment variables."""

    bucket: str
    accepted_prefix: str
    rejected_prefix: str
    queue_url: str
    secret: str
    table: str
    remembered_seconds: int
    function_name: str
    sender: Sender

    @classmethod
    def read(cls) -> Self:
        """Read the variables that ``WebhookAutomation`` sets."""
        return cls(
            bucket=os.environ["BUCKET"],
            accepted_prefix=os.environ["ACCEPTED_PREFIX"],
            rejected_prefix=os.environ["REJECTED_PREFIX"],
            queue_url=os.environ["QUEUE_URL"],
            secret=os.environ["SECRET"],
            table=os.environ["TABLE"],
            remembered_seconds=int(os.environ["REMEMBERED_SECONDS"]),
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            sender=Sender(
                scheme=os.environ["SCHEME"],
                signature_header=os.environ["SIGNATURE_HEADER"],
                signature_prefix=os.environ["SIGNATURE_PREFIX"],
                signature_encoding=os.environ["SIGNATURE_ENCODING"],
                timestamp_header=os.environ["TIMESTAMP_HEADER"],
                delivery_header=os.environ["DELIVERY_HEADER"],
                delivery_pointer=os.environ["DELIVERY_POINTER"],
                group_by=os.environ["GROUP_BY"],
                equal_bodies_are_replays=os.environ["EQUAL_BODIES_ARE_REPLAYS"] == "true",
            ),
        )
