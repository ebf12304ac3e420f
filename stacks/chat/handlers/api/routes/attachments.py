"""Attachments: uploading, searching, downloading."""

from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from ...domain import rooms
from .. import service
from ..attachments import search
from ..budgets import Budget
from ..models import Identifier, NewUpload
from .caller import Answer, Limit, Room, traceparent_of, user_of

logger = Logger(child=True)
router = APIGatewayHttpRouter()


@router.post("/rooms/<room>/uploads")
def request_upload(room: Room, body: NewUpload) -> Answer:
    """Return a form for uploading one file; it becomes an attachment once it has been checked."""
    user = user_of(router)
    rooms.require_member(service.table, user, room)
    service.budgets.spend(user, Budget.UPLOADS)
    form = service.attachments.request_upload(
        user, room, body.name, body.content_type, body.size, traceparent=traceparent_of(router)
    )
    logger.info("Upload form issued", room=room, upload_id=form["upload_id"])
    return form, HTTPStatus.CREATED


@router.get("/rooms/<room>/attachments")
def search_attachments(
    room: Room,
    name: Annotated[str | None, Query(min_length=1, max_length=255)] = None,
    content_type: Annotated[str | None, Query(min_length=1, max_length=127)] = None,
    after: Identifier | None = None,
    limit: Limit = 50,
) -> Answer:
    """List a room's attachments, the newest first, by part of the name and by content type."""
    rooms.require_member(service.table, user_of(router), room)
    page, following = search(service.table, room, name=name, content_type=content_type, after=after, limit=limit)
    return {"attachments": page, "after": following}, HTTPStatus.OK


@router.get("/rooms/<room>/attachments/<attachment>")
def request_download(
    room: Room, attachment: Annotated[Identifier, Path()], variant: Literal["original", "thumbnail"] = "original"
) -> Answer:
    """Return an address from which an attachment, or its thumbnail, can be fetched for five minutes."""
    rooms.require_member(service.table, user_of(router), room)
    return service.attachments.request_download(service.table, room, attachment, variant), HTTPStatus.OK
