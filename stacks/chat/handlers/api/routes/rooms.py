"""Sessions and rooms: who the caller is, and which rooms the caller is in."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from ...domain import channels, creators, rooms
from ...domain.presence import AWAY_SECONDS, HEARTBEAT_SECONDS
from .. import deletion, people, service
from ..accounts import AccountDeletedError
from ..budgets import Budget
from ..models import LONGEST_PAGE, Heartbeat, Identifier, Invitation, NewRoom, Session
from ..ordering import format_cursor
from . import notifications
from .caller import Answer, Limit, Room, token_of, user_of

router = APIGatewayHttpRouter()


@router.post("/session")
def start_session(body: Session) -> Answer:
    """Return who the caller is and where this Region's live channels are: what a client asks first."""
    user = user_of(router)
    if service.accounts.is_deleted(user):
        # What broke off is completed, also when the account in the pool is all that is left of it.
        deletion.delete(user, token_of(router))
        raise AccountDeletedError
    if body.name is not None:
        service.budgets.spend(user, Budget.SETTINGS)
        people.rename(service.table, user, body.name)
    name = body.name if body.name is not None else people.names_of(service.table, [user])[user]
    described = {
        "region": service.region,
        "user": user,
        "name": name,
        "realtime": service.environment.realtime,
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "away_seconds": AWAY_SECONDS,
        "web_push_key": notifications.web_push_key(),
    }
    return described, HTTPStatus.OK


@router.post("/rooms")
def create_room(body: NewRoom) -> Answer:
    """Create a room; the answer holds the invite code with which others can join."""
    user = user_of(router)
    service.accounts.require(user)
    service.budgets.spend(user, Budget.ROOMS)
    return rooms.create(service.table, user, body.name), HTTPStatus.CREATED


@router.get("/rooms")
def list_rooms(after: Identifier | None = None, limit: Limit = LONGEST_PAGE) -> Answer:
    """List the rooms of the caller, each with the number of unread messages."""
    user = user_of(router)
    page, following = rooms.rooms_of(service.table, user, after, limit)
    heads = service.markers.heads(item["room"] for item in page)
    unread = service.markers.unread(user, heads)
    described = [
        {**item, "unread": unread[room], "cursor": format_cursor(heads[room])}
        for item in page
        for room in [item["room"]]
    ]
    return {"rooms": described, "after": following}, HTTPStatus.OK


@router.get("/rooms/<room>")
def describe_room(room: Room) -> Answer:
    """Return the room's members and its live channel in this Region."""
    caller = user_of(router)
    rooms.require_member(service.table, caller, room)
    members = rooms.members_of(service.table, room)
    names = people.names_of(service.table, members)
    present = service.presence.look(room)
    described = {
        **rooms.describe(service.table, room, caller),
        **_place(room),
        "members": [
            {"user": user, "name": names[user], "online": user in present.online, "typing": user in present.typing}
            for user in members
        ],
    }
    return described, HTTPStatus.OK


@router.post("/rooms/<room>/members")
def join_room(room: Room, body: Invitation) -> Answer:
    """Join a room with its invite code; earlier messages do not count as unread."""
    user = user_of(router)
    service.accounts.require(user)
    spend = partial(service.budgets.spend, user, Budget.JOINS)
    described, new = rooms.join(service.table, user, room, body.invite_code, spend=spend)
    if new:
        service.markers.mark(user, room, service.markers.heads([room])[room])
    return described, HTTPStatus.OK


@router.delete("/rooms/<room>/members/me")
def leave_room(room: Room) -> Answer:
    """Leave a room: no access to its messages and attachments, and no subscription to its next live channel."""
    user = user_of(router)
    rooms.leave(service.table, user, room, service.region)
    service.presence.leave(room, user)
    return {"room": room}, HTTPStatus.OK


@router.delete("/rooms/<room>/members/<user>")
def remove_member(room: Room, user: Annotated[Identifier, Path()]) -> Answer:
    """Remove a member from a room that the caller created."""
    caller = user_of(router)
    creators.require_creator(service.table, caller, room)
    service.budgets.spend(caller, Budget.SETTINGS)
    creators.remove(service.table, caller, room, user, service.region)
    service.presence.leave(room, user)
    return {}, HTTPStatus.NO_CONTENT


@router.put("/rooms/<room>/invite")
def renew_invite(room: Room) -> Answer:
    """Give a room that the caller created another invite code; the one before is refused from now on."""
    caller = user_of(router)
    creators.require_creator(service.table, caller, room)
    service.budgets.spend(caller, Budget.SETTINGS)
    return {"invite_code": creators.renew_invite(service.table, room)}, HTTPStatus.OK


@router.put("/rooms/<room>/presence")
def be_present(room: Room, body: Heartbeat) -> Answer:
    """Note that the caller has the room open, and return what a client may have missed."""
    user = user_of(router)
    rooms.require_member(service.table, user, room)
    here = service.presence.heartbeat(room, user, typing=body.typing).to_dict()
    return {**_place(room), **here}, HTTPStatus.OK


@router.delete("/rooms/<room>/presence")
def be_absent(room: Room) -> Answer:
    """Note that the caller has closed the room."""
    user = user_of(router)
    rooms.require_member(service.table, user, room)
    service.presence.leave(room, user)
    return {"room": room}, HTTPStatus.OK


def _place(room: str) -> dict[str, str]:
    """Return where the room is live, and the cursor of the newest that happened in it."""
    return {
        "channel": channels.look_up(service.table, room, service.region),
        "cursor": format_cursor(service.markers.place(room)),
    }
