"""The items of rooms' logs in this Region's replica: read, and written together or not at all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from ..domain import rooms
from ..domain import table as keys
from ..domain.messages import Message, Position
from .budgets import Budget, Budgets

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

logger = Logger(child=True)

# Above every number that a log can give: keys have twelve digits.
_BEHIND = 10**12

# Another writer was first, or the table is busy: a retry can succeed.
_WORTH_A_RETRY = {"ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class LogItems:
    """The items of the logs of all Regions.

    Args:
        table: This Region's replica.
        region: The Region whose log is written here.
        regions: The Regions whose logs are read, this one included.
        budgets: Count the messages of authors.
    """

    def __init__(self, table: "Table", region: str, regions: Sequence[str], budgets: Budgets) -> None:
        self.table = table
        self._budgets = budgets
        self._region = region
        self._regions = tuple(regions)

    def look(self, room: str, author: str, client_message_id: str) -> tuple[keys.Item | None, dict[str, keys.Item]]:
        """Return this Region's head, and by Region the note that it accepted the message.

        The membership is read with them: one request says whether the message may be stored, and where.

        Raises:
            RoomNotFoundError: when the author is not in the room.
        """
        member, head = keys.member_key(room, author), keys.head_key(room, self._region)
        marker_of = {region: keys.marker_key(room, region, author, client_message_id) for region in self._regions}
        found = keys.get_many(self.table, [member, head, *marker_of.values()])
        if not rooms.lets_in(found.get(member)):
            raise rooms.RoomNotFoundError
        return found.get(head), {region: found[key] for region, key in marker_of.items() if key in found}

    def stored(self, room: str, markers: dict[str, keys.Item]) -> Message | None:
        """Return the message that the markers speak of: of several, the one that readers see."""
        first = min(_position(region, marker) for region, marker in markers.items())
        item = keys.get(self.table, keys.message_key(room, first.region, first.sequence))
        return Message.of_item(item) if item else None

    def clocks(self, room: str, head: keys.Item | None) -> list[int]:
        """Return the clock of the newest message of every log that a reader here could have seen.

        Of other Regions the newest message counts, not the head: the two are replicated on their own, and what an
        author answers to is a message.
        """
        newest = [self._newest(room, region) for region in self._regions if region != self._region]
        return [int(item["clock"]) for item in (head, *newest) if item]

    def _newest(self, room: str, region: str) -> keys.Item | None:
        items = self._query(room, region, 1, ScanIndexForward=False)
        return items[0] if items else None

    def tail(self, room: str, region: str, after: int, limit: int) -> list[Message]:
        """Return the messages of a log above a number, in order of their sequence."""
        return [Message.of_item(item) for item in self._query(room, region, limit, after=after)]

    def end(self, room: str, region: str, limit: int, before: int = _BEHIND) -> list[Message]:
        """Return the last messages of a log below a number, in order of their sequence."""
        if before <= 1:
            return []
        newest_first = self._query(room, region, limit, before=before, ScanIndexForward=False)
        return [Message.of_item(item) for item in newest_first][::-1]

    def _query(
        self, room: str, region: str, limit: int, *, after: int = 0, before: int = _BEHIND, **options: Any
    ) -> list[keys.Item]:
        _, low = keys.message_key(room, region, after + 1)
        _, high = keys.message_key(room, region, before - 1)
        answer = self.table.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": keys.log_key(room, region), ":low": low, ":high": high},
            # A reader sees its own message at once, and never an older state than before.
            ConsistentRead=True,
            Limit=limit,
            **options,
        )
        return answer["Items"]

    def put(self, message: Message, *, first: bool) -> bool:
        """Store head, message and marker together, and count, or nothing. False when another writer was faster.

        Raises:
            BudgetExceededError: when the author has written as much as one user may.
        """
        key = keys.as_key
        place = {"sequence": message.sequence, "clock": message.clock}
        head: PutTypeDef = {
            "TableName": self.table.name,
            "Item": key(keys.head_key(message.room, self._region)) | place,
            "ConditionExpression": "attribute_not_exists(pk)" if first else "#sequence = :before",
        }
        if not first:
            head["ExpressionAttributeNames"] = {"#sequence": "sequence"}
            head["ExpressionAttributeValues"] = {":before": message.sequence - 1}
        marker = keys.marker_key(message.room, self._region, message.author, message.client_message_id)
        new = [
            key(keys.message_key(message.room, self._region, message.sequence)) | message.to_dict(),
            key(marker) | place,
        ]
        puts: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self.table.name,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for item in new
        ]
        counted: TransactWriteItemTypeDef = {"Update": self._budgets.update(message.author, Budget.MESSAGES)}
        try:
            self.table.meta.client.transact_write_items(TransactItems=[{"Put": head}, *puts, counted])
        except ClientError as error:
            reasons = _reasons(error)
            if reasons and reasons[-1] == "ConditionalCheckFailed":
                raise self._budgets.exceeded(Budget.MESSAGES) from None
            if not _worth_a_retry(error, reasons):
                raise
            logger.debug("Another writer was faster", room=message.room, sequence=message.sequence)
            return False
        return True

    def accepted_elsewhere(self, page: Sequence[Message]) -> dict[str, list[Position]]:
        """Return by message id the places that other Regions gave to the same client messages."""
        wanted = {
            keys.marker_key(item.room, region, item.author, item.client_message_id): (item.id, region)
            for item in page
            for region in self._regions
            if region != item.region
        }
        places: dict[str, list[Position]] = {}
        for key, marker in keys.get_many(self.table, wanted).items():
            identity, region = wanted[key]
            places.setdefault(identity, []).append(_position(region, marker))
        return places


def _position(region: str, marker: keys.Item) -> Position:
    return Position(int(marker["clock"]), region, int(marker["sequence"]))


def _reasons(error: ClientError) -> list[str]:
    """Return why a transaction was cancelled, by its items; "None" for those that were not at fault."""
    response: Any = error.response
    return [str(reason["Code"]) for reason in response.get("CancellationReasons", [])]


def _worth_a_retry(error: ClientError, reasons: Sequence[str]) -> bool:
    codes = set(reasons) - {"None"}
    return error.response["Error"]["Code"] == "TransactionCanceledException" and bool(codes) and codes <= _WORTH_A_RETRY
