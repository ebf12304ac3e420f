"""Notifications: whether the caller wants mail and push, how often, and on which devices."""

import os
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal

import boto3
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError, ServiceError
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field

from ..models import Identifier
from .caller import Answer, user_of

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

    from notices import Notices, Preferences

router = APIGatewayHttpRouter()


class Choice(BaseModel):
    """What the user wants."""

    model_config = ConfigDict(extra="forbid")

    mail: bool
    push: bool
    quiet_minutes: Annotated[int, Field(ge=5, le=1440)]
    language: Literal["en", "ja"]


class NewDevice(BaseModel):
    """A mobile device, as its platform names it."""

    model_config = ConfigDict(extra="forbid")

    platform: Literal["apns", "fcm"]
    token: Annotated[str, Field(min_length=1, max_length=4096)]


@router.get("/me/notifications")
def read_choice() -> Answer:
    """Return what the caller chose."""
    return _described(_people().preferences(user_of(router))), HTTPStatus.OK


@router.put("/me/notifications")
def choose(body: Choice) -> Answer:
    """Keep what the caller chose. Mail goes to the verified address of the account, and nowhere else."""
    people = _people()
    address = _verified_address() if body.mail else None
    chosen = people.choose(
        user_of(router),
        mail=body.mail,
        push=body.push,
        quiet_minutes=body.quiet_minutes,
        language=body.language,
        address=address,
    )
    return _described(chosen), HTTPStatus.OK


@router.post("/me/devices")
def add_device(body: NewDevice) -> Answer:
    """Register a device for push."""
    try:
        device = _people().add_device(user_of(router), body.platform, body.token)
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
    token = router.current_event.headers["authorization"].partition(" ")[2]
    try:
        attributes = _user_pool().get_user(AccessToken=token)["UserAttributes"]
    except (BotoCoreError, ClientError) as error:
        # The home Region is down, or the account is gone. Nothing was changed.
        message = "the address of your account cannot be looked up now; nothing was changed, try again later"
        raise ServiceError(HTTPStatus.SERVICE_UNAVAILABLE, message) from error
    account = {attribute["Name"]: attribute.get("Value", "") for attribute in attributes}
    if account.get("email_verified") != "true" or not account.get("email"):
        raise ServiceError(HTTPStatus.CONFLICT, "the account has no verified mail address")
    return account["email"]


@cache
def _user_pool() -> "CognitoIdentityProviderClient":
    # The token is the credential, so the function needs no permission; the pool is in the home Region.
    config = Config(signature_version=UNSIGNED, connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
    return boto3.client("cognito-idp", region_name=os.environ["USER_POOL_REGION"], config=config)
