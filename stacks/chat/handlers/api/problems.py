"""What clients are told when something is not done: status, text, and when to call again."""

import os
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import ClientError

from ..domain.creators import CreatorStaysError, NotCreatorError
from ..domain.rooms import LARGEST_ROOM, RoomChangedError, RoomFullError, RoomNotFoundError
from .accounts import AccountDeletedError
from .admission import DeliveryLateError
from .attachments import AttachmentNotFoundError, UploadRefusedError
from .budgets import BudgetExceededError
from .deletion import DeletionUnfinishedError
from .history import MessageNotFoundError
from .log import RoomBusyError
from .message_changes import MOST_EDITS, MOST_REACTIONS, MessageDeletedError, NotAuthorError, TooManyChangesError
from .reading import MarkerBusyError
from .user_pool import TokenRefusedError, UserPoolUnavailableError

logger = Logger(child=True)
metrics = Metrics()

PROBLEMS: dict[type[Exception], tuple[HTTPStatus, str | None]] = {
    RoomNotFoundError: (
        HTTPStatus.NOT_FOUND,
        "there is no such room, you are not in it, or the invite code is wrong",
    ),
    NotCreatorError: (HTTPStatus.FORBIDDEN, "only the creator of the room may do this"),
    CreatorStaysError: (HTTPStatus.CONFLICT, "the creator cannot be removed; leave the room instead"),
    AttachmentNotFoundError: (
        HTTPStatus.NOT_FOUND,
        "the room has no such attachment, it is still being checked, it has no thumbnail, or its message was deleted",
    ),
    MessageNotFoundError: (HTTPStatus.NOT_FOUND, "the room has no such message, or it has not arrived in this Region"),
    NotAuthorError: (
        HTTPStatus.FORBIDDEN,
        "only its author may edit a message, and only its author or the creator of the room may delete it",
    ),
    MessageDeletedError: (HTTPStatus.GONE, "the message was deleted"),
    TooManyChangesError: (
        HTTPStatus.CONFLICT,
        f"a message can be edited {MOST_EDITS} times, and {MOST_REACTIONS} people can react to it, in each Region",
    ),
    RoomBusyError: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too many people are writing at once; nothing was stored, send the same again",
    ),
    RoomChangedError: (HTTPStatus.SERVICE_UNAVAILABLE, "others changed the room at the same moment; call again"),
    RoomFullError: (HTTPStatus.CONFLICT, f"the room has {LARGEST_ROOM} members, and accepts no more"),
    MarkerBusyError: (HTTPStatus.SERVICE_UNAVAILABLE, "the marker was being written by others; call again"),
    UploadRefusedError: (HTTPStatus.BAD_REQUEST, None),
    BudgetExceededError: (HTTPStatus.TOO_MANY_REQUESTS, None),
    DeliveryLateError: (HTTPStatus.TOO_MANY_REQUESTS, None),
    AccountDeletedError: (HTTPStatus.UNAUTHORIZED, "the account was deleted"),
    DeletionUnfinishedError: (HTTPStatus.SERVICE_UNAVAILABLE, "there are rooms left to leave; call again"),
    TokenRefusedError: (HTTPStatus.UNAUTHORIZED, "the user pool does not accept this token; send an access token"),
    UserPoolUnavailableError: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the account cannot be looked up now; call again later",
    ),
    RequestValidationError: (HTTPStatus.UNPROCESSABLE_ENTITY, None),
    RequestUnsupportedContentType: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json"),
}

# What DynamoDB and the user pool answer when they take no more requests for a moment; nothing was done.
_THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TooManyRequestsException",
}


def explain_refusal_of_aws(error: ClientError) -> Response[Any]:
    """Return 503 for a request that AWS throttled; everything else is a bug, and raised again."""
    if error.response["Error"]["Code"] not in _THROTTLED:
        raise error
    logger.warning("Throttled", operation=error.operation_name)
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "too much is going on at once; call again", {"Retry-After": "1"})


def explain(error: Exception) -> Response[Any]:
    """Return the answer for one of ``PROBLEMS``."""
    status, text = PROBLEMS[type(error)]
    if isinstance(error, RequestValidationError):
        text = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
    headers: dict[str, str | list[str]] = {}
    if isinstance(error, DeliveryLateError):
        _count_refused_post()
    if isinstance(error, BudgetExceededError | DeliveryLateError):
        headers["Retry-After"] = str(error.retry_after)
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    return _answer(status, text or str(error), headers)


def _count_refused_post() -> None:
    """Count it at once: other requests have no metrics, so none waits for the end of the request."""
    metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    metrics.add_metric(name="RefusedPosts", unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


def _answer(status: HTTPStatus, text: str, headers: dict[str, str | list[str]]) -> Response[Any]:
    body = {"statusCode": status.value, "message": text}
    return Response(status_code=status.value, content_type="application/json", body=body, headers=headers)
