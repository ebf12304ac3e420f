"""The chat's HTTP API in one Region. The JWT authorizer in front of it has checked who the caller is."""

import os
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from chat_api import attachments, rooms
from chat_api.log import RoomBusyError, RoomLog
from chat_api.models import LONGEST_PAGE, Identifier, Invitation, NewMessage, NewRoom, NewUpload
from chat_api.ordering import format_cursor, parse_cursor
from chat_api.table import connect

logger = Logger()
tracer = Tracer()
app = APIGatewayHttpResolver(enable_validation=True)

table = connect()
log = RoomLog(table, os.environ["AWS_REGION"], os.environ["LOG_REGIONS"].split(","))

Answer = tuple[dict[str, Any], int]
Room = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]


@app.post("/rooms")
def create_room(body: NewRoom) -> Answer:
    """Make a room; the answer holds the invite code that lets others in."""
    return rooms.create(table, _user(), body.name), HTTPStatus.CREATED


@app.get("/rooms")
def list_rooms(after: Identifier | None = None, limit: Limit = LONGEST_PAGE) -> Answer:
    """List the rooms of the caller."""
    page, following = rooms.rooms_of(table, _user(), after, limit)
    return {"rooms": page, "after": following}, HTTPStatus.OK


@app.post("/rooms/<room>/members")
def join_room(room: Room, body: Invitation) -> Answer:
    """Join a room with its invite code."""
    return rooms.join(table, _user(), room, body.invite_code), HTTPStatus.OK


@app.delete("/rooms/<room>/members/me")
def leave_room(room: Room) -> Answer:
    """Leave a room; its messages and attachments cannot be read any more."""
    rooms.leave(table, _user(), room)
    return {"room": room}, HTTPStatus.OK


@app.post("/rooms/<room>/messages")
def post_message(room: Room, body: NewMessage) -> Answer:
    """Post a message: 201 when this call stored it, 200 when it was stored before."""
    rooms.require_member(table, _user(), room)
    message, new = log.append(room, _user(), body.client_message_id, body.text, body.attachments)
    return message.to_dict(), HTTPStatus.CREATED if new else HTTPStatus.OK


@app.get("/rooms/<room>/messages")
def read_messages(room: Room, after: Annotated[str, Query(max_length=1024)] = "", limit: Limit = 50) -> Answer:
    """Read what follows a cursor. The answer's cursor is the place to go on from, also later."""
    rooms.require_member(table, _user(), room)
    try:
        cursor = parse_cursor(after, log.regions)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    messages, cursor, more = log.read(room, cursor, limit)
    page = {"messages": [message.to_dict() for message in messages], "cursor": format_cursor(cursor), "more": more}
    return page, HTTPStatus.OK


@app.post("/rooms/<room>/uploads")
def request_upload(room: Room, body: NewUpload) -> Answer:
    """Return a form for uploading one file; it becomes an attachment once it has been checked."""
    rooms.require_member(table, _user(), room)
    form = attachments.request_upload(_user(), room, body.name, body.content_type, body.size)
    return form, HTTPStatus.CREATED


@app.get("/rooms/<room>/attachments/<attachment>")
def request_download(room: Room, attachment: Annotated[Identifier, Path()]) -> Answer:
    """Return an address from which an attachment can be fetched for five minutes."""
    rooms.require_member(table, _user(), room)
    return attachments.request_download(table, room, attachment), HTTPStatus.OK


PROBLEMS = {
    rooms.RoomNotFoundError: (
        HTTPStatus.NOT_FOUND,
        "there is no such room, you are not in it, or the invite code is wrong",
    ),
    attachments.AttachmentNotFoundError: (
        HTTPStatus.NOT_FOUND,
        "the room has no such attachment, or it is still being checked",
    ),
    RoomBusyError: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too many people are writing at once; nothing was stored, send the same message again",
    ),
    attachments.UploadRefusedError: (HTTPStatus.BAD_REQUEST, None),
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


def _user() -> str:
    authorizer = app.current_event.request_context.authorizer
    claims = authorizer.jwt_claim if authorizer else None
    if not claims:
        # Only a route without the authorizer could get here; there is none.
        message = "the request carries no claims"
        raise RuntimeError(message)
    return str(claims["sub"])


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)  # messages and signed forms are not for readers of traces
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)
