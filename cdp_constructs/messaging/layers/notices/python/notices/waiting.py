"""What waits for a user and topic, and the one timer that is at work for it.

The state of a user and topic is one item: notices ``pending``, a ``timer`` with its ``due_ms`` while there is
something to be sent, and ``quiet_until_ms``. A timer is a name in the item and a delayed message with that name; a
message whose name is no longer the item's does nothing. So there is never more than one timer at work, however often
messages come twice.

The item is written first, then the message is sent, then the item is marked ``armed``. Whoever repeats a step that
failed in between finds the timer that is not armed, and sends its message.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from notices.state import Batch, BusyError, Item, Timer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

# More are counted, not kept: a digest names no more, but for a few that come at the same moment.
MOST_KEPT = 20
# A repetition is recognised for longer than a message can wait in a queue and in its dead-letter queue.
_REMEMBERED_SECONDS = 15 * 24 * 3600
# So late, a timer is not at work any more: its message is in the dead-letter queue. The next notice starts another.
_LOST_MS = 3600 * 1000
_DAY_SECONDS = 24 * 3600
_TRIES = 8
_FIRST_PAUSE = 0.02


class Waiting:
    """The states of all users and topics of one Region."""

    def __init__(self, table: "Table", clock: Callable[[], float] = time.time) -> None:
        """Use a table that only this Region writes."""
        self._table = table
        self._clock = clock

    def accept(self, user: str, topic: str, notice: Mapping[str, Any]) -> Timer | None:
        """Keep a notice, once.

        Returns:
            The timer whose message has to be sent, if there is one.

        Raises:
            BusyError: when others change the state all the time.
        """
        for attempt in range(_TRIES):
            try:
                return self._keep(user, topic, notice)
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionCanceledException":
                    raise
                reasons: Any = error.response.get("CancellationReasons", [{}])
                if reasons[0].get("Code") == "ConditionalCheckFailed":
                    return self._not_armed(user, topic, self._state(user, topic))
                # The state has changed since it was read, or another call writes it just now.
                time.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise BusyError(f"the state of {user} and {topic} changes all the time")

    def armed(self, timer: Timer) -> None:
        """Note that the timer's message was sent."""
        self._change(timer, "SET armed = :timer", condition="timer = :timer")

    def take(self, timer: Timer, lease_seconds: float) -> Batch | Timer | None:
        """Take what is to be sent now.

        Args:
            timer: Of the message that came.
            lease_seconds: How long the work takes at most; meanwhile no other call gets it.

        Returns:
            What is to be sent; a timer whose message has to be sent; or None for a message that has nothing to do.

        Raises:
            BusyError: when another call works on it.
        """
        state = self._state(timer.user, timer.topic)
        if state.get("timer") != timer.name:
            follows = state.get("previous") == timer.name
            return self._not_armed(timer.user, timer.topic, state) if follows else None
        now = self._now()
        if int(state.get("lease_ms", 0)) > now:
            raise BusyError(f"{timer.user} and {timer.topic} are being worked on")
        values = {":lease": now + int(lease_seconds * 1000), ":seen": state.get("lease_ms", 0)}
        update = "SET lease_ms = :lease"
        condition = "timer = :timer AND (attribute_not_exists(lease_ms) OR lease_ms = :seen)"
        if "sending" not in state:
            values |= {":none": [], ":zero": 0}
            update += (
                ", sending = pending, sending_count = pending_count, sending_last_ms = last_ms"
                ", pending = :none, pending_count = :zero"
            )
            condition += " AND attribute_not_exists(sending)"
        changed = self._change(timer, update, condition=condition, values=values)
        if changed is None:
            raise BusyError(f"{timer.user} and {timer.topic} are being worked on")
        return Batch(
            timer=timer,
            notices=list(changed["sending"]),
            count=int(changed["sending_count"]),
            last_ms=int(changed["sending_last_ms"]),
            done=frozenset(changed.get("done", set())),
        )

    def done(self, batch: Batch, channel: str) -> None:
        """Note that a channel was served, so that another try leaves it out."""
        self._change(batch.timer, "ADD done :channel", condition="timer = :timer", values={":channel": {channel}})

    def release(self, batch: Batch) -> None:
        """Let another try start at once, after a failure."""
        self._change(batch.timer, "REMOVE lease_ms", condition="timer = :timer")

    def finish(self, batch: Batch, quiet_seconds: float) -> Timer | None:
        """Note that everything was sent, and be quiet for a while.

        Returns:
            The next timer, whose message has to be sent, when more has come meanwhile.
        """
        timer = batch.timer
        quiet_until = self._now() + int(quiet_seconds * 1000)
        update = "SET previous = :timer, quiet_until_ms = :quiet"
        clear = " REMOVE sending, sending_count, sending_last_ms, done, lease_ms, armed"
        values: Item = {":quiet": quiet_until}
        forgotten = self._change(
            timer,
            f"{update}, expires_at = :expires{clear}, timer, due_ms",
            condition="timer = :timer AND pending_count = :zero",
            values={**values, ":zero": 0, ":expires": quiet_until // 1000 + _DAY_SECONDS},
        )
        if forgotten is not None:
            return None
        following = Timer(timer.user, timer.topic, uuid4().hex, quiet_until)
        changed = self._change(
            timer,
            f"{update}, timer = :next, due_ms = :quiet{clear}",
            condition="timer = :timer",
            values={**values, ":next": following.name},
        )
        return following if changed is not None else None

    def _keep(self, user: str, topic: str, notice: Mapping[str, Any]) -> Timer | None:
        """Keep the notice and remember its id, both or none of it, and return the timer that was started for it."""
        state = self._state(user, topic)
        now = self._now()
        timer = None
        if "timer" not in state or now > int(state["due_ms"]) + _LOST_MS:
            timer = Timer(user, topic, uuid4().hex, max(now, int(state.get("quiet_until_ms", 0))))
        expires_at = now // 1000 + _REMEMBERED_SECONDS
        values: Item = {":one": 1, ":zero": 0, ":now": now, ":expires": expires_at + _DAY_SECONDS}
        update = "SET pending_count = if_not_exists(pending_count, :zero) + :one, last_ms = :now, expires_at = :expires"
        if int(state.get("pending_count", 0)) < MOST_KEPT:
            update += ", pending = list_append(if_not_exists(pending, :none), :notice)"
            values |= {":none": [], ":notice": [{**notice, "at_ms": now}]}
        condition = "attribute_not_exists(timer)"
        if "timer" in state:
            # What was read must still hold: a timer that has finished meanwhile would never send this notice.
            condition = "timer = :seen"
            values[":seen"] = state["timer"]
        if timer is not None:
            update += ", timer = :timer, due_ms = :due REMOVE armed, lease_ms"
            values |= {":timer": timer.name, ":due": timer.due_ms}
        self._table.meta.client.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": self._table.name,
                        "Item": {
                            "pk": f"USER#{user}",
                            "sk": f"NOTICE#{notice['notice_id']}",
                            "expires_at": expires_at,
                        },
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
                {
                    "Update": {
                        "TableName": self._table.name,
                        "Key": self._key(user, topic),
                        "UpdateExpression": update,
                        "ConditionExpression": condition,
                        "ExpressionAttributeValues": values,
                    }
                },
            ]
        )
        return timer

    def _not_armed(self, user: str, topic: str, state: Item) -> Timer | None:
        if "timer" not in state or state.get("armed") == state["timer"]:
            return None
        return Timer(user, topic, str(state["timer"]), int(state["due_ms"]))

    def _change(
        self, timer: Timer, update: str, *, condition: str, values: Mapping[str, Any] | None = None
    ) -> Item | None:
        """Change the state if the condition holds, and return it; otherwise None."""
        try:
            answer = self._table.update_item(
                Key=self._key(timer.user, timer.topic),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues={":timer": timer.name, **(values or {})},
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None
        return answer["Attributes"]

    def _state(self, user: str, topic: str) -> Item:
        return self._table.get_item(Key=self._key(user, topic), ConsistentRead=True).get("Item", {})

    def _now(self) -> int:
        return int(self._clock() * 1000)

    @staticmethod
    def _key(user: str, topic: str) -> dict[str, str]:
        return {"pk": f"USER#{user}", "sk": f"TOPIC#{topic}"}
