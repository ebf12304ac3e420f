"""Records an accepted upload as an attachment of its room, in the Region whose bucket holds it.

It receives a message when an upload was accepted, and another one, with ``thumbnail``, when its thumbnail was made; in
any order, and each perhaps twice. Each message has everything about the upload, so whichever is first creates the item,
and none removes what the other wrote.
"""

import os
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from ..domain.search import searchable
from ..domain.table import as_key, attachment_key, connect

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
table = connect(os.environ["TABLE_NAME"])


def record_attachment(record: SQSRecord) -> None:
    """Record what one message says. The same message again changes nothing, and so is no change in the stream."""
    upload = from_json(record.body, allow_inf_nan=False)
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
    if "thumbnail" in upload:
        item |= {"thumbnail": True, "thumbnail_file": upload["thumbnail"]}
    table.update_item(
        Key=as_key(attachment_key(upload["metadata"]["room"], upload["upload_id"])),
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in item),
        ExpressionAttributeNames={f"#{name}": name for name in item},
        ExpressionAttributeValues={f":{name}": value for name, value in item.items()},
    )


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Record a batch of the queue; only what failed is delivered again."""
    return process_partial_response(event=event, record_handler=record_attachment, processor=processor, context=context)
