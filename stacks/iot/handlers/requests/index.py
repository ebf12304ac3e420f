"""Does what an issue of Backlog asks of a device, and answers in the issue.

A delivery only says which issue to look at: Backlog signs nothing, so the issue is read from its API, and what is asked
for is what Backlog says. The work itself is done by the function of commands.
"""

import json
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from correlation import correlated

from .backlog import Backlog, Delivery
from .grammar import NotUnderstoodError, Request, read

logger = Logger()
processor = SqsFifoPartialProcessor(skip_group_on_error=True)
processor.raise_on_entire_batch_failure = False
functions = boto3.client("lambda")

COMMANDS = os.environ["COMMANDS"]
_ADDED = 1
_KEY_SECONDS = 300
_POLL_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 20.0


class Queued(BaseModel):
    """A delivery as WebhookAutomation queues it."""

    id: str
    body: str
    replay: str | None = None


@correlated(logger)
def work(record: SQSRecord) -> None:
    """Fulfil the request of one issue; the same delivery again answers nothing new."""
    queued = Queued.model_validate_json(record.body)
    delivery = Delivery.model_validate_json(queued.body)
    if delivery.type != _ADDED:
        logger.info("no request", issue=delivery.issue_key, type=delivery.type)
        return
    backlog = Backlog(
        os.environ["BACKLOG_URL"], str(parameters.get_secret(os.environ["BACKLOG_API_KEY"], max_age=_KEY_SECONDS))
    )
    issue = backlog.issue(delivery.issue_key)
    if issue is None:
        logger.warning("Backlog has no such issue", issue=delivery.issue_key)
        return
    try:
        text = fulfil(read(issue.title))
    except NotUnderstoodError as error:
        text = str(error)
    reference = f"(request {queued.id}{f', replay {queued.replay}' if queued.replay else ''})"
    answered = backlog.answer_once(issue.key, text, reference=reference)
    logger.info("answered" if answered else "answered before", issue=issue.key)


def fulfil(request: Request) -> str:
    """Do what is asked for, and return the answer for a person.

    Raises:
        RuntimeError: the function of commands failed.
    """
    answer = _invoke(request.event)
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while answer.get("status") == "pending" and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        answer = _invoke({"operation": "status", "session": answer["session"]})
    if "error" in answer:
        return f"Refused: {answer['error']}"
    return json.dumps(answer, indent=2, ensure_ascii=False)


def _invoke(event: dict[str, Any]) -> dict[str, Any]:
    answer = functions.invoke(FunctionName=COMMANDS, Payload=json.dumps(event).encode())
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise RuntimeError(f"{event['operation']} failed: {document.get('errorType')}")
    return document


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work on a batch; what fails, and what stands behind it about the same issue, is delivered again."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)
