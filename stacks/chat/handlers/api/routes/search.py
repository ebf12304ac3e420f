"""Search in one room: its messages, and its attachments."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from ...domain import rooms
from .. import attachment_search, message_search, service
from ..budgets import Budget
from ..models import EARLIEST, LATEST, Identifier, Moment
from ..ordering import format_cursor, parse_cursor
from .caller import Answer, Limit, Room, user_of

router = APIGatewayHttpRouter()

Part = Annotated[str | None, Query(min_length=1, max_length=255)]
Since = Annotated[Moment, Query(alias="from")]
Until = Annotated[Moment, Query(alias="to")]
Person = Annotated[Identifier | None, Query()]
After = Annotated[str | None, Query(min_length=1, max_length=2048)]


@router.get("/rooms/<room>/search")
def search_messages(
    room: Room,
    *,
    text: Part = None,
    author: Person = None,
    since: Since = EARLIEST,
    until: Until = LATEST,
    after: After = None,
    limit: Limit = 20,
) -> Answer:
    """Find a room's messages by words, author and time, the newest first."""
    user = user_of(router)
    rooms.require_member(service.table, user, room)
    wanted = message_search.Wanted(text=text, author=author, since=since, until=until)
    try:
        start = None if after is None else parse_cursor(after, service.history.logs)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    service.budgets.spend(user, Budget.SEARCHES)
    found = service.message_search.page(room, wanted, after=start, limit=limit)
    page = {
        "messages": found.messages,
        "after": None if found.after is None else format_cursor(found.after),
        "searched_to": found.searched_to,
    }
    return page, HTTPStatus.OK


@router.get("/rooms/<room>/attachments")
def search_attachments(
    room: Room,
    *,
    name: Part = None,
    content_type: Part = None,
    owner: Person = None,
    since: Since = EARLIEST,
    until: Until = LATEST,
    after: After = None,
    limit: Limit = 50,
) -> Answer:
    """List a room's attachments, the newest first, by name, type, owner and time."""
    user = user_of(router)
    rooms.require_member(service.table, user, room)
    wanted = attachment_search.Wanted(name=name, content_type=content_type, owner=owner, since=since, until=until)
    # A list as it comes reads no more than it shows.
    if wanted.narrows:
        service.budgets.spend(user, Budget.SEARCHES)
    try:
        page, following = service.attachment_search.page(service.table, room, wanted, after=after, limit=limit)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return {"attachments": page, "after": following}, HTTPStatus.OK
