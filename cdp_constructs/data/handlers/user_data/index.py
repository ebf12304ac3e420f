"""Keeps documents of users, for several devices of each; the JWT authorizer in front of it has checked who calls.

- ``GET <path>?since=<token>&limit=<1 to 100>``: what changed, deletions too, ``{"changes", "token", "more"}``. Without
  a token: everything.
- ``GET <path>/{key}``: a document, with its version as ``ETag``.
- ``PUT <path>/{key}`` and ``DELETE <path>/{key}``: with ``If-Match`` and the ETag that was read, or with
  ``If-None-Match: *`` for what is not there. 412 has what is there instead. With ``Idempotency-Key`` repeating a write
  changes nothing.
"""

import os
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from correlation import TRACEPARENT, about, id_of, started, valid

from . import objects, requests, table
from .answers import PROBLEMS, answer, document_answer, etag, page_answer, problem_answer, throttled_answer
from .documents import Content
from .environment import Environment
from .store import Store

logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
app = APIGatewayHttpResolver()
environment = Environment.read()
store = Store(
    environment=environment, table=table.connect(environment.table), objects=objects.connect(environment.bucket)
)


@app.get(".+")  # the path is the API's affair
def read() -> Response[Any]:
    """Answer with a document, or with what changed."""
    event = app.current_event
    user = _user()
    if "key" in event.path_parameters:
        key = requests.key_of(event.path_parameters["key"])
        return document_answer(store.read(user, key), event.headers.get("if-none-match"))
    query = event.query_string_parameters
    limit = requests.limit_of(query.get("limit"))
    return page_answer(store.changes(user, query.get("since"), limit))


@app.put(".+")
def put() -> Response[Any]:
    """Write a document."""
    event = app.current_event
    content = requests.content_of(
        event.headers, event.body, encoded=bool(event.is_base64_encoded), environment=environment
    )
    return _write(content)


@app.delete(".+")
def delete() -> Response[Any]:
    """Delete a document; clients learn of it for 90 days."""
    return _write(None)


def explain(problem: Exception) -> Response[Any]:
    """Answer with what is wrong, and count it."""
    explained = problem_answer(problem)
    name = "Conflicts" if explained.status_code == HTTPStatus.PRECONDITION_FAILED else "RejectedRequests"
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    return explained


app.exception_handler(list(PROBLEMS))(explain)
app.exception_handler(ClientError)(throttled_answer)


def _user() -> str:
    authorizer = app.current_event.request_context.authorizer
    return requests.user_of(authorizer.jwt_claim if authorizer else None)


def _write(content: Content | None) -> Response[Any]:
    event = app.current_event
    user, key = _user(), requests.key_of((event.path_parameters or {}).get("key", ""))
    precondition, write = requests.precondition_of(event.headers), requests.write_of(event.headers)
    if content is None and precondition.version is None:
        raise requests.RefusedError(HTTPStatus.BAD_REQUEST, "Send If-Match with the ETag of what is to be deleted")
    version, made = store.write(user, key, precondition, content, write)
    if made:
        metrics.add_metric(name="WrittenDocuments", unit=MetricUnit.Count, value=1)
    created = precondition.version is None and content is not None
    return answer(
        HTTPStatus.CREATED if created else HTTPStatus.OK, {"key": key, "version": version}, {"ETag": etag(version)}
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request; its log lines, and the answer, have the correlation id of the client or a new one."""
    headers = event.setdefault("headers", {})
    traceparent = valid(headers.get(TRACEPARENT)) or started()
    with about(logger, traceparent):
        answered: dict[str, Any] = app.resolve(event, context)
        if answered["statusCode"] >= HTTPStatus.BAD_REQUEST:
            logger.info("Refused", route=event.get("routeKey"), status=answered["statusCode"])
    answered.setdefault("headers", {})["X-Correlation-Id"] = id_of(traceparent)
    return answered
