"""The chat's HTTP API in one Region. The JWT authorizer in front of it has checked who the caller is."""

import json
import os
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from ..domain import channels, rooms
from ..domain.presence import AWAY_SECONDS, HEARTBEAT_SECONDS, RoomPresence
from ..domain.table import connect
from . import attachments, me, people
from .log import RoomBusyError, RoomLog
from .models import (
    LONGEST_PAGE,
    Heartbeat,
    Identifier,
    Invitation,
    NewMessage,
    NewRoom,
    NewUpload,
    Reading,
    Session,
)
from .ordering import Cursor, format_cursor, parse_cursor
from .reading import MarkerBusyError, ReadMarkers

logger = Logger()
tracer = Tracer()
app = APIGatewayHttpResolver(enable_validation=True)
app.include_router(me.router)

table = connect()
log = RoomLog(table, os.environ["AWS_REGION"], os.environ["LOG_REGIONS"].split(","))
markers = ReadMarkers(table, log.region, log.regions)
presence = RoomPresence(table)

Answer = tuple[dict[str, Any], int]
Room = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]
CursorText = Annotated[str, Query(max_length=1024)]


@app.post("/session")
def start_session(body: Session) -> Answer:
    """Say who the caller is and where this Region's live channel is: what a client asks first, and after a failure."""
    user = _user()
    if body.name is not None:
        people.rename(table, user, body.name)
    name = body.name if body.name is not None else people.names_of(table, [user])[user]
    described = {
        "region": log.region,
        "user": user,
        "name": name,
        "realtime": json.loads(os.environ["REALTIME"]),
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "away_seconds": AWAY_SECONDS,
    }
    return described, HTTPStatus.OK


@app.post("/rooms")
def create_room(body: NewRoom) -> Answer:
    """Make a room; the answer holds the invite code that lets others in."""
    return rooms.create(table, _user(), body.name), HTTPStatus.CREATED


@app.get("/rooms")
def list_rooms(after: Identifier | None = None, limit: Limit = LONGEST_PAGE) -> Answer:
    """List the rooms of the caller, each with what waits there."""
    page, following = rooms.rooms_of(table, _user(), after, limit)
    heads = markers.heads(item["room"] for item in page)
    unread = markers.unread(_user(), heads)
    described = [
        {**item, "unread": unread[room], "cursor": format_cursor(heads[room])}
        for item in page
        for room in [item["room"]]
    ]
    return {"rooms": described, "after": following}, HTTPStatus.OK


@app.get("/rooms/<room>")
def describe_room(room: Room) -> Answer:
    """Return the room's members and the channel on which it is live in this Region."""
    rooms.require_member(table, _user(), room)
    members = rooms.members_of(table, room)
    names = people.names_of(table, members)
    present = presence.look(room)
    described = {
        "room": room,
        "name": rooms.name_of(table, room),
        "channel": channels.look_up(table, room, log.region),
        "cursor": format_cursor(markers.heads([room])[room]),
        "members": [
            {"user": user, "name": names[user], "online": user in present.online, "typing": user in present.typing}
            for user in members
        ],
    }
    return described, HTTPStatus.OK


@app.post("/rooms/<room>/members")
def join_room(room: Room, body: Invitation) -> Answer:
    """Join a room with its invite code; what was said before does not wait to be read."""
    described, new = rooms.join(table, _user(), room, body.invite_code)
    if new:
        markers.mark(_user(), room, markers.heads([room])[room])
    return described, HTTPStatus.OK


@app.delete("/rooms/<room>/members/me")
def leave_room(room: Room) -> Answer:
    """Leave a room; its messages and attachments cannot be read any more, and its live channel goes on without them."""
    rooms.leave(table, _user(), room, log.region)
    presence.leave(room, _user())
    return {"room": room}, HTTPStatus.OK


@app.put("/rooms/<room>/presence")
def be_present(room: Room, body: Heartbeat) -> Answer:
    """Note that the caller has the room open, and tell what a client may have missed."""
    rooms.require_member(table, _user(), room)
    here = presence.heartbeat(room, _user(), typing=body.typing).to_dict()
    place = {
        "channel": channels.look_up(table, room, log.region),
        "cursor": format_cursor(markers.heads([room])[room]),
    }
    return {**place, **here}, HTTPStatus.OK


@app.delete("/rooms/<room>/presence")
def be_absent(room: Room) -> Answer:
    """Note that the caller has closed the room."""
    rooms.require_member(table, _user(), room)
    presence.leave(room, _user())
    return {"room": room}, HTTPStatus.OK


@app.post("/rooms/<room>/messages")
def post_message(room: Room, body: NewMessage) -> Answer:
    """Post a message: 201 when this call stored it, 200 when it was stored before."""
    message, new = log.append(room, _user(), body.client_message_id, body.text, body.attachments)
    return message.to_dict(), HTTPStatus.CREATED if new else HTTPStatus.OK


@app.get("/rooms/<room>/messages")
def read_messages(room: Room, after: CursorText = "", before: CursorText | None = None, limit: Limit = 50) -> Answer:
    """Read what follows a cursor, or what comes before one. The answer's cursor is the place to go on from."""
    rooms.require_member(table, _user(), room)
    if before is not None:
        if after:
            raise BadRequestError("after and before exclude each other; pass one of them")
        start = None if before == "latest" else _cursor(before)
        messages, cursor, oldest, more = log.read_back(room, start, limit)
    else:
        messages, cursor, more = log.read(room, _cursor(after), limit)
        oldest = None
    page = {"messages": [message.to_dict() for message in messages], "cursor": format_cursor(cursor), "more": more}
    return page | ({"before": format_cursor(oldest)} if oldest else {}), HTTPStatus.OK


@app.put("/rooms/<room>/read")
def mark_read(room: Room, body: Reading) -> Answer:
    """Note how far the caller has read; what was read before stays read."""
    rooms.require_member(table, _user(), room)
    unread = markers.mark(_user(), room, _cursor(body.cursor))
    if not unread:
        me.seen(_user(), room)
    return {"unread": unread}, HTTPStatus.OK


@app.post("/rooms/<room>/uploads")
def request_upload(room: Room, body: NewUpload) -> Answer:
    """Return a form for uploading one file; it becomes an attachment once it has been checked."""
    rooms.require_member(table, _user(), room)
    form = attachments.request_upload(_user(), room, body.name, body.content_type, body.size)
    return form, HTTPStatus.CREATED


@app.get("/rooms/<room>/attachments")
def search_attachments(
    room: Room,
    name: Annotated[str | None, Query(min_length=1, max_length=255)] = None,
    content_type: Annotated[str | None, Query(min_length=1, max_length=127)] = None,
    after: Identifier | None = None,
    limit: Limit = 50,
) -> Answer:
    """List a room's attachments, the newest first, by part of the name and by content type."""
    rooms.require_member(table, _user(), room)
    page, following = attachments.search(table, room, name=name, content_type=content_type, after=after, limit=limit)
    return {"attachments": page, "after": following}, HTTPStatus.OK


@app.get("/rooms/<room>/attachments/<attachment>")
def request_download(
    room: Room, attachment: Annotated[Identifier, Path()], variant: Literal["original", "thumbnail"] = "original"
) -> Answer:
    """Return an address from which an attachment, or its thumbnail, can be fetched for five minutes."""
    rooms.require_member(table, _user(), room)
    return attachments.request_download(table, room, attachment, variant), HTTPStatus.OK


PROBLEMS = {
    rooms.RoomNotFoundError: (
        HTTPStatus.NOT_FOUND,
        "there is no such room, you are not in it, or the invite code is wrong",
    ),
    attachments.AttachmentNotFoundError: (
        HTTPStatus.NOT_FOUND,
        "the room has no such attachment, or it is still being checked, or it has no thumbnail",
    ),
    RoomBusyError: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too many people are writing at once; nothing was stored, send the same message again",
    ),
    rooms.RoomChangedError: (HTTPStatus.SERVICE_UNAVAILABLE, "others changed the room at the same moment; call again"),
    rooms.RoomFullError: (HTTPStatus.CONFLICT, f"the room has {rooms.LARGEST_ROOM} members, and takes no more"),
    MarkerBusyError: (HTTPStatus.SERVICE_UNAVAILABLE, "the marker was being written by others; call again"),
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


def _cursor(text: str) -> Cursor:
    try:
        return parse_cursor(text, log.regions)
    except ValueError as error:
        raise BadRequestError(str(error)) from error


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
