"""Attachments: uploading and downloading."""

from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from ...domain import rooms
from .. import service
from ..budgets import Budget
from ..models import Identifier, NewUpload
from .caller import Answer, Room, user_of

router = APIGatewayHttpRouter()


@router.post("/rooms/<room>/uploads")
def request_upload(room: Room, body: NewUpload) -> Answer:
    """Return a form for uploading one file; it becomes an attachment once it has been checked."""
    user = user_of(router)
    rooms.require_member(service.table, user, room)
    service.budgets.spend(user, Budget.UPLOADS)
    form = service.attachments.request_upload(user, room, body.name, body.content_type, body.size)
    return form, HTTPStatus.CREATED


@router.get("/rooms/<room>/attachments/<attachment>")
def request_download(
    room: Room, attachment: Annotated[Identifier, Path()], variant: Literal["original", "thumbnail"] = "original"
) -> Answer:
    """Return an address from which an attachment, or its thumbnail, can be fetched for five minutes."""
    rooms.require_member(service.table, user_of(router), room)
    return service.attachments.request_download(service.table, room, attachment, variant), HTTPStatus.OK
