"""Messages: posting, reading, and how far the caller has read."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from correlation import id_of

from ...domain import rooms
from .. import service
from ..models import Identifier, NewMessage, Reading
from ..ordering import Cursor, parse_cursor
from . import notifications
from .caller import Answer, Limit, Room, arrival_of, traceparent_of, user_of

logger = Logger(child=True)
router = APIGatewayHttpRouter()

CursorText = Annotated[str, Query(max_length=1024)]


@router.post("/rooms/<room>/messages")
def post_message(room: Room, body: NewMessage) -> Answer:
    """Post a message: 201 when this call stored it, 200 when it was stored before."""
    service.admission.check(arrival_of(router))
    message, new = service.log.append(
        room,
        user_of(router),
        body.client_message_id,
        body.text,
        body.attachments,
        answers=body.answers,
        traceparent=traceparent_of(router),
    )
    logger.info(
        "Message stored" if new else "Message was stored before",
        room=room,
        region=message.region,
        sequence=message.sequence,
        # The message goes on with the id of the request that stored it; one that is sent again may have another id.
        stored_by=id_of(message.traceparent),
    )
    return message.to_dict(), HTTPStatus.CREATED if new else HTTPStatus.OK


@router.get("/rooms/<room>/messages")
def read_messages(
    room: Room,
    after: CursorText = "",
    before: CursorText | None = None,
    around: Identifier | None = None,
    limit: Limit = 50,
) -> Answer:
    """Read what follows a cursor, what comes before one, or what is around a message.

    The answer's cursor is where to continue.
    """
    rooms.require_member(service.table, user_of(router), room)
    if sum(map(bool, (after, before is not None, around))) > 1:
        raise BadRequestError("after, before and around exclude each other; pass one of them")
    if around:
        page = service.history.read_around(room, around, limit)
    elif before is not None:
        page = service.history.read_back(room, None if before == "latest" else _cursor(before), limit)
    else:
        page = service.history.read(room, _cursor(after), limit)
    return page.to_dict(), HTTPStatus.OK


@router.put("/rooms/<room>/read")
def mark_read(room: Room, body: Reading) -> Answer:
    """Note how far the caller has read; what was read before stays read."""
    user = user_of(router)
    rooms.require_member(service.table, user, room)
    unread = service.markers.mark(user, room, _cursor(body.cursor))
    if not unread:
        notifications.seen(user, room)
    return {"unread": unread}, HTTPStatus.OK


def _cursor(text: str) -> Cursor:
    try:
        return parse_cursor(text, service.history.logs)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
