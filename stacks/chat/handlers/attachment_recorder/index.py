"""Records an accepted upload as an attachment of its room, in the Region whose bucket holds it.

It receives a message when an upload was accepted, and another one, with ``thumbnail``, when its thumbnail was made; in
any order, and each perhaps twice. Each message has everything about the upload, so whichever is first creates the item,
and none removes what the other wrote.

A form can be used for minutes after it was issued. The file of who has left the room meanwhile, or was removed, does
not become an attachment: it is deleted.
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from correlation import TRACEPARENT, correlated, valid

from ..domain.rooms import lets_in
from ..domain.search import searchable
from ..domain.table import as_key, attachment_key, connect, get_many, member_key

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
table = connect(os.environ["TABLE_NAME"])
s3 = boto3.client("s3")


@correlated(logger)
def record_attachment(record: SQSRecord) -> None:
    """Record what one message says. The same message again changes nothing, and so is no change in the stream."""
    upload = from_json(record.body, allow_inf_nan=False)
    room = upload["metadata"]["room"]
    attachment, member = attachment_key(room, upload["upload_id"]), member_key(room, upload["owner"])
    found = get_many(table, [attachment, member])
    # An attachment that is recorded stays when its owner leaves, and gets its thumbnail.
    if attachment not in found and not lets_in(found.get(member)):
        logger.info("Refused: the owner is not in the room", key=upload["key"], room=room)
        delete_files(upload)
        return
    item = {
        # Not "user": the index of memberships is made of items that have it.
        "owner": upload["owner"],
        "region": upload["region"],
        "key": upload["key"],
        "name": upload["name"],
        "search_name": searchable(upload["name"]),
        "content_type": upload["content_type"],
        "size": int(upload["size"]),
        "accepted_at": upload["accepted_at"],
    }
    if traceparent := valid(upload["metadata"].get(TRACEPARENT)):
        item[TRACEPARENT] = traceparent
    if "thumbnail" in upload:
        item |= {"thumbnail": True, "thumbnail_file": upload["thumbnail"]}
    table.update_item(
        Key=as_key(attachment),
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in item),
        ExpressionAttributeNames={f"#{name}": name for name in item},
        ExpressionAttributeValues={f":{name}": value for name, value in item.items()},
    )
    logger.info("Attachment recorded", room=room, upload_id=upload["upload_id"], thumbnail="thumbnail" in upload)


def delete_files(upload: dict[str, Any]) -> None:
    """Delete an upload, and its thumbnail when there is one already; a later one comes with a message of its own."""
    s3.delete_object(Bucket=upload["bucket"], Key=upload["key"], VersionId=upload["version_id"])
    if "thumbnail" in upload:
        s3.delete_object(Bucket=upload["bucket"], Key=upload["thumbnail"]["key"])


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Record a batch of the queue; only what failed is delivered again."""
    return process_partial_response(event=event, record_handler=record_attachment, processor=processor, context=context)
