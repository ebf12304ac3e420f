"""Keys of the chat's table, and the reads that several functions need."""

import random
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef

Item = dict[str, Any]
Key = tuple[str, str]

READ_MARKERS = "READ#"
"""What the sort keys of a user's read markers begin with."""

# Most keys of one BatchGetItem: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
_BATCH = 100
_THROTTLED = 0.1


def connect(table_name: str) -> "Table":
    """Return this Region's replica of the table. Calls end within the API's own time limit."""
    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "max_attempts": 3},
        # An eighth of a call's CPU: DynamoDB validates parameters too, and botocore would put its own name for itself
        # together again for each request.
        parameter_validation=False,
        user_agent=f"Boto3/{boto3.__version__} cdp-constructs/chat",
    )
    return boto3.resource("dynamodb", config=config).Table(table_name)


def room_key(room: str) -> Key:
    """Key of a room itself."""
    return f"ROOM#{room}", "ROOM"


def member_key(room: str, user: str) -> Key:
    """Key of a user's membership of a room."""
    return f"ROOM#{room}", f"MEMBER#{user}"


def profile_key(user: str) -> Key:
    """Key of what everybody may know of a user: the name to show."""
    return f"USER#{user}", "PROFILE"


def account_key(user: str) -> Key:
    """Key of the mark that a user's account was deleted."""
    return f"USER#{user}", "ACCOUNT"


def budget_key(user: str, budget: str, region: str, span: int) -> Key:
    """Key of the counter of what a user did in a span of the clock in one Region. Only that Region writes it."""
    return f"USER#{user}", f"BUDGET#{budget}#{region}#{span}"


def lag_key(region: str) -> Key:
    """Key of the note that a Region's live events are late; ``RealtimeChannels`` writes it."""
    return f"DELIVERY#{region}", "LAG"


def read_key(user: str, room: str, region: str) -> Key:
    """Key of how far a user has read a room, as marked in one Region. Only that Region writes it."""
    return f"USER#{user}", f"{READ_MARKERS}{room}#{region}"


def channel_key(room: str, region: str) -> Key:
    """Key of the generation of a room's live channel in one Region. Only that Region writes it."""
    return f"ROOM#{room}", f"CHANNEL#{region}"


def attachment_key(room: str, upload_id: str) -> Key:
    """Key of an accepted attachment of a room."""
    return f"ROOM#{room}", f"ATTACHMENT#{upload_id}"


def withdrawn_key(room: str, upload_id: str, owner: str) -> Key:
    """Key of the mark that an owner's attachment belonged to a message of the owner that was deleted."""
    return f"ROOM#{room}", f"WITHDRAWN#{upload_id}#{owner}"


def change_log(region: str) -> str:
    """Name of the log of changes of a Region; its log of messages has the name of the Region."""
    return f"{region}.changes"


def log_key(room: str, log: str) -> str:
    """Partition of a log that one Region keeps of a room. Only that Region writes it."""
    return f"ROOM#{room}#{log}"


def message_key(room: str, region: str, sequence: int) -> Key:
    """Key of a message."""
    return log_key(room, region), f"MESSAGE#{sequence:012}"


def change_key(room: str, region: str, sequence: int) -> Key:
    """Key of a change of a message."""
    return log_key(room, change_log(region)), f"CHANGE#{sequence:012}"


def head_key(room: str, log: str) -> Key:
    """Key of the last number and clock that was given in a log."""
    return log_key(room, log), "HEAD"


def note_key(room: str, region: str, message: str) -> Key:
    """Key of what a Region notes of a message: that it accepted it, and what its users did to it."""
    return log_key(room, region), f"NOTE#{message}"


def change_marker_key(room: str, region: str, change: str) -> Key:
    """Key of the mark that a Region accepted a client's change."""
    return log_key(room, change_log(region)), f"CLIENT#{change}"


def as_key(key: Key) -> Item:
    """Return a key as DynamoDB wants it."""
    return {"pk": key[0], "sk": key[1]}


def get(table: "Table", key: Key) -> Item | None:
    """Read one item as it is in this Region now."""
    return table.get_item(Key=as_key(key), ConsistentRead=True).get("Item")


def get_many(table: "Table", keys: Iterable[Key]) -> dict[Key, Item]:
    """Read many items as they are in this Region now; keys without an item are left out."""
    # Twice the same key is an error for DynamoDB.
    rest = list(dict.fromkeys(keys))
    found: dict[Key, Item] = {}
    while rest:
        request: KeysAndAttributesTypeDef = {"Keys": [as_key(key) for key in rest[:_BATCH]], "ConsistentRead": True}
        rest = rest[_BATCH:]
        answer = table.meta.client.batch_get_item(RequestItems={table.name: request})
        found |= {(str(item["pk"]), str(item["sk"])): item for item in answer["Responses"].get(table.name, [])}
        unprocessed = answer["UnprocessedKeys"].get(table.name)
        if unprocessed is not None:
            # The table throttles; the time limit of the request ends this if it goes on.
            time.sleep(random.uniform(0, _THROTTLED))  # noqa: S311 - jitter, not a secret
            rest += [(str(key["pk"]), str(key["sk"])) for key in unprocessed["Keys"]]
    return found
