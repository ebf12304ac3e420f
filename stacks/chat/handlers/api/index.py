"""The chat's HTTP API in one Region. The JWT authorizer in front of it has checked who the caller is."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext

from ..domain.rooms import LARGEST_ROOM, RoomChangedError, RoomFullError, RoomNotFoundError
from .attachments import AttachmentNotFoundError, UploadRefusedError
from .log import RoomBusyError
from .reading import MarkerBusyError
from .routes import attachments, messages, notifications, rooms

logger = Logger()
tracer = Tracer()
app = APIGatewayHttpResolver(enable_validation=True)
for routes in (rooms, messages, attachments, notifications):
    app.include_router(routes.router)

PROBLEMS = {
    RoomNotFoundError: (
        HTTPStatus.NOT_FOUND,
        "there is no such room, you are not in it, or the invite code is wrong",
    ),
    AttachmentNotFoundError: (
        HTTPStatus.NOT_FOUND,
        "the room has no such attachment, or it is still being checked, or it has no thumbnail",
    ),
    RoomBusyError: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too many people are writing at once; nothing was stored, send the same message again",
    ),
    RoomChangedError: (HTTPStatus.SERVICE_UNAVAILABLE, "others changed the room at the same moment; call again"),
    RoomFullError: (HTTPStatus.CONFLICT, f"the room has {LARGEST_ROOM} members, and accepts no more"),
    MarkerBusyError: (HTTPStatus.SERVICE_UNAVAILABLE, "the marker was being written by others; call again"),
    UploadRefusedError: (HTTPStatus.BAD_REQUEST, None),
    RequestValidationError: (HTTPStatus.UNPROCESSABLE_ENTITY, None),
}


@app.exception_handler(list(PROBLEMS))  # type: ignore[untyped-decorator]  # Powertools gives this one no types
def _explain(error: Exception) -> Response[Any]:
    status, text = PROBLEMS[type(error)]
    if isinstance(error, RequestValidationError):
        text = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
    body = {"statusCode": status.value, "message": text or str(error)}
    headers: dict[str, str | list[str]] = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(status_code=status.value, content_type="application/json", body=body, headers=headers)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)  # messages and signed forms are not for readers of traces
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)
