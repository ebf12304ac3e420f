"""Notifications: whether the caller wants mail and push, how often, and on which devices."""

import os
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError, ServiceError
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, ConfigDict, Field

from .. import service, user_pool
from ..budgets import Budget
from ..models import Identifier
from .caller import Answer, token_of, user_of

if TYPE_CHECKING:
    from notices import Notices, Preferences

router = APIGatewayHttpRouter()


class Choice(BaseModel):
    """What the user wants."""

    model_config = ConfigDict(extra="forbid")

    mail: bool
    push: bool
    quiet_minutes: Annotated[int, Field(ge=5, le=1440)]
    language: Literal["en", "ja"]


class NewMobile(BaseModel):
    """A mobile device, as its platform names it."""

    model_config = ConfigDict(extra="forbid")

    platform: Literal["apns", "fcm"]
    token: Annotated[str, Field(min_length=1, max_length=4096)]


class Keys(BaseModel):
    """For whom messages to a browser are encrypted."""

    model_config = ConfigDict(extra="forbid")

    p256dh: Annotated[str, Field(max_length=100)]
    auth: Annotated[str, Field(max_length=30)]


class NewBrowser(BaseModel):
    """A browser, as its ``PushSubscription`` describes it."""

    model_config = ConfigDict(extra="forbid")

    platform: Literal["web_push"]
    endpoint: Annotated[str, Field(min_length=1, max_length=4096)]
    keys: Keys


NewDevice = Annotated[NewMobile | NewBrowser, Body(discriminator="platform")]


@router.get("/me/notifications")
def read_choice() -> Answer:
    """Return what the caller chose."""
    return _described(_people().preferences(user_of(router))), HTTPStatus.OK


@router.put("/me/notifications")
def choose(body: Choice) -> Answer:
    """Keep what the caller chose. Mail goes to the verified address of the account, and nowhere else."""
    people, user = _people(), user_of(router)
    service.accounts.require(user)
    service.budgets.spend(user, Budget.SETTINGS)
    address = _verified_address() if body.mail else None
    try:
        chosen = people.choose(
            user,
            mail=body.mail,
            push=body.push,
            quiet_minutes=body.quiet_minutes,
            language=body.language,
            address=address,
        )
    except ValueError as error:
        # The models have checked everything but the address.
        raise ServiceError(HTTPStatus.CONFLICT, str(error)) from error
    return _described(chosen), HTTPStatus.OK


@router.post("/me/devices")
def add_device(body: NewDevice) -> Answer:
    """Register a mobile device or a browser for push."""
    people, user = _people(), user_of(router)
    service.accounts.require(user)
    service.budgets.spend(user, Budget.SETTINGS)
    try:
        if isinstance(body, NewBrowser):
            device = people.add_subscription(user, body.endpoint, body.keys.p256dh, body.keys.auth)
        else:
            device = people.add_device(user, body.platform, body.token)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return {"device": device}, HTTPStatus.CREATED


@router.delete("/me/devices/<device>")
def remove_device(device: Annotated[Identifier, Path()]) -> Answer:
    """Forget a device."""
    if not _people().remove_device(user_of(router), device):
        raise NotFoundError("you have no such device")
    return {"device": device}, HTTPStatus.OK


def seen(user: str, room: str) -> None:
    """Note that the user has read everything: notices of the room that were not sent yet are dropped."""
    if people := connect():
        people.seen(user, room)


def forget(user: str) -> None:
    """Forget what a user chose, and the user's devices: nothing is mailed or pushed from now on."""
    if people := connect():
        people.forget(user)


def web_push_key() -> str | None:
    """Return the public key to which browsers subscribe; None without Web Push."""
    people = connect()
    return None if people is None else people.web_push_key


@cache
def connect() -> "Notices | None":
    """Return preferences and devices; None in a chat without notices."""
    if "NOTICES" not in os.environ:
        return None
    from notices import Notices

    return Notices.from_environment()


def _people() -> "Notices":
    people = connect()
    if people is None:
        raise NotFoundError("this chat sends no notices")
    return people


def _described(chosen: "Preferences") -> dict[str, Any]:
    return {
        "mail": chosen.mail,
        "push": chosen.push,
        "quiet_minutes": chosen.quiet_minutes,
        "language": chosen.language or "en",
        "mail_off": chosen.mail_off,
    }


def _verified_address() -> str:
    """Ask the user pool, with the caller's own token: it is of the caller's account, and Cognito has verified it."""
    account = user_pool.attributes_of(token_of(router))
    if account.get("email_verified") != "true" or not account.get("email"):
        raise ServiceError(HTTPStatus.CONFLICT, "the account has no verified mail address")
    return account["email"]
