"""The page behind a link: shows the question, and takes the decision of who has the link.

``GET`` changes nothing, because programs that check mails follow links. ``POST``, from a button of that page, decides.
"""

import json
import os
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic_core import from_json

from correlation import TRACEPARENT, about

from ..pricing.codes import connect
from .pages import HEADERS, page

logger = Logger()
codes = connect()
functions = boto3.client("lambda")
app = APIGatewayHttpResolver()

_APPROVAL = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LONGEST_BODY = 4_096
_LONGEST_NAME, _LONGEST_COMMENT = 100, 500
_BUSY = {"ProvisionedThroughputExceededException", "ThrottlingException", "TooManyRequestsException"}
_DECISIONS = {"approve": "The prices will hold.", "reject": "The list is thrown away."}


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)


@app.get("/approvals/<approval>")
def ask(approval: str) -> Response[str]:
    """Show the question with two buttons."""
    question = _question(approval)
    if question is None:
        return _answer(HTTPStatus.NOT_FOUND, "This link is not valid.")
    return _answer(HTTPStatus.OK, str(question["question"]), form=True)


@app.post("/approvals/<approval>")
def decide(approval: str) -> Response[str]:
    """Take the decision to the workflow that waits."""
    question = _question(approval)
    if question is None:
        return _answer(HTTPStatus.NOT_FOUND, "This link is not valid.")
    given = _form()
    decision, by, comment = given.get("decision", ""), given.get("by", "").strip(), given.get("comment", "")
    readable = 1 <= len(by) <= _LONGEST_NAME and len(comment) <= _LONGEST_COMMENT and f"{by}{comment}".isprintable()
    if decision not in _DECISIONS or not readable:
        return _answer(HTTPStatus.BAD_REQUEST, "Say who you are, and what you decide.", form=True)
    request = {"id": approval, "decision": decision, "by": by, "comment": comment}
    answer = functions.invoke(FunctionName=os.environ["ANSWER_FUNCTION"], Payload=json.dumps(request).encode())
    taken: Any = from_json(answer["Payload"].read())
    status = taken.get("status") if isinstance(taken, dict) and not answer.get("FunctionError") else None
    with about(logger, question.get(TRACEPARENT)):
        logger.info("Decided", approval=approval, decision=decision, status=status)
    if status == "taken":
        codes.forget(approval)
        return _answer(HTTPStatus.OK, _DECISIONS[decision])
    if status in {"closed", "unknown"}:
        return _answer(HTTPStatus.CONFLICT, "This was decided before, or it is too late.")
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "This did not work just now. Try again in a minute.")


@app.not_found
def refuse(_error: NotFoundError) -> Response[str]:
    """Refuse everything else."""
    return _answer(HTTPStatus.NOT_FOUND, "This link is not valid.")


@app.exception_handler(ClientError)  # type: ignore[untyped-decorator]  # Powertools has no types for it
def ask_again(error: ClientError) -> Response[str]:
    """Answer 503 when a service takes no more requests for a moment; everything else is a bug."""
    if error.response["Error"]["Code"] not in _BUSY:
        raise error
    logger.warning("Throttled", operation=error.operation_name)
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "This did not work just now. Try again in a minute.")


def _question(approval: str) -> dict[str, Any] | None:
    code = (app.current_event.query_string_parameters or {}).get("code", "")
    if not _APPROVAL.fullmatch(approval) or not code.isascii():
        return None
    return codes.question(approval, code)


def _form() -> dict[str, str]:
    """Return the fields of the form; empty for what is none."""
    try:
        body = app.current_event.decoded_body or ""
        fields = parse_qs(body[:_LONGEST_BODY], max_num_fields=10, errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _answer(status: HTTPStatus, text: str, *, form: bool = False) -> Response[str]:
    content_type = "text/html; charset=utf-8"
    return Response(status_code=status.value, content_type=content_type, headers=HEADERS, body=page(text, form=form))
