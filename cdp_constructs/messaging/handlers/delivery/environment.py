"""What the function is configured with."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The function's environment variables, beside those of the module ``notices``."""

    region: str
    function_name: str
    waiting_table: str
    timer_queue: str
    sender: str
    """The ``From`` of mails."""
    unsubscribe_url: str
    configuration_set: str
    user_pool_id: str | None
    """The pool whose users are notified; None when the back end alone knows who its users are."""
    user_pool_region: str
    vapid_secret: str
    """The secret of the key pair for Web Push; empty without Web Push."""
    vapid_contact: str

    @classmethod
    def read(cls) -> Self:
        """Read the variables that ``Notifications`` and Lambda set."""
        return cls(
            region=os.environ["AWS_REGION"],
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            waiting_table=os.environ["WAITING_TABLE"],
            timer_queue=os.environ["TIMER_QUEUE"],
            sender=os.environ["SENDER"],
            unsubscribe_url=os.environ["UNSUBSCRIBE_URL"],
            configuration_set=os.environ["CONFIGURATION_SET"],
            user_pool_id=os.environ.get("USER_POOL_ID"),
            user_pool_region=os.environ.get("USER_POOL_REGION", ""),
            vapid_secret=os.environ.get("VAPID_SECRET", ""),
            vapid_contact=os.environ.get("VAPID_CONTACT", ""),
        )
