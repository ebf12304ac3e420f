"""Removes the texts of a message that was deleted from what one Region keeps.

Each Region does so when the deletion reaches it, for the items that only this Region writes: its note, its edits, and
the message itself where it was accepted. A repetition changes nothing.
"""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ..domain import table as keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from ..domain.changes import Change


def erase(table: "Table", region: str, deletion: "Change") -> None:
    """Remove the texts.

    Args:
        table: The Region's replica.
        region: The Region.
        deletion: The deletion, of whichever Region.
    """
    room, message = deletion.room, deletion.message
    # First the note: once it knows of the deletion, the Region accepts no edit, so the list below is complete.
    note: keys.Item = table.update_item(
        Key=keys.as_key(keys.note_key(room, region, message)),
        UpdateExpression="SET deletion = if_not_exists(deletion, :deletion) REMOVE edit, reactions",
        ExpressionAttributeValues={
            ":deletion": {
                "region": deletion.region,
                "clock": deletion.clock,
                "sequence": deletion.sequence,
                "at": deletion.changed_at,
                "by": deletion.author,
            }
        },
        ReturnValues="ALL_NEW",
    )["Attributes"]
    for sequence in note.get("edits", []):
        _clear(table, keys.change_key(room, region, int(sequence)), {"text": ""})
    if "sequence" in note:
        _clear(table, keys.message_key(room, region, int(note["sequence"])), {"text": "", "attachments": []})


def _clear(table: "Table", key: keys.Key, cleared: dict[str, Any]) -> None:
    try:
        table.update_item(
            Key=keys.as_key(key),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in cleared),
            # An item that is not there is not made.
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={f"#{name}": name for name in cleared},
            ExpressionAttributeValues={f":{name}": value for name, value in cleared.items()},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
