"""One message: reading it, editing it, deleting it, reacting to it."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from ...domain import rooms
from .. import service
from ..message_changes import Wish
from ..models import Edit, Identifier, Reaction
from .caller import Answer, Room, arrival_of, traceparent_of, user_of

logger = Logger(child=True)
router = APIGatewayHttpRouter()

MessageId = Annotated[Identifier, Path()]


@router.get("/rooms/<room>/messages/<message>")
def read_message(room: Room, message: MessageId) -> Answer:
    """Return one message in its present state: the end of a link to it."""
    rooms.require_member(service.table, user_of(router), room)
    return service.history.read_one(room, message), HTTPStatus.OK


@router.put("/rooms/<room>/messages/<message>")
def edit_message(room: Room, message: MessageId, body: Edit) -> Answer:
    """Give a message of the caller another text."""
    return _apply(room, message, Wish(kind="edit", client_change_id=body.client_change_id, text=body.text))


@router.delete("/rooms/<room>/messages/<message>")
def delete_message(room: Room, message: MessageId) -> Answer:
    """Delete a message for everybody: one of the caller, or any of a room that the caller created."""
    # One deletion of a message by one user, whoever sends it again: no client can choose an id with a colon.
    return _apply(room, message, Wish(kind="deletion", client_change_id=f"deletion:{message}"))


@router.put("/rooms/<room>/messages/<message>/reaction")
def react(room: Room, message: MessageId, body: Reaction) -> Answer:
    """Set the caller's reaction to a message, or take it back."""
    return _apply(room, message, Wish(kind="reaction", client_change_id=body.client_change_id, emoji=body.emoji))


def _apply(room: str, message: str, wish: Wish) -> Answer:
    """Answer with the message as it is then: 201 when this call changed it, 200 when nothing was left to change."""
    wish = replace(wish, traceparent=traceparent_of(router))
    service.admission.check(arrival_of(router))
    state, new = service.changes.apply(room, user_of(router), message, wish)
    logger.info("Message changed" if new else "Nothing was left to change", room=room, changed=message, by=wish.kind)
    return state, HTTPStatus.CREATED if new else HTTPStatus.OK
