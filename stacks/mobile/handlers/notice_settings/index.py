"""Keeps what users choose about notices, and their devices; the JWT authorizer in front has checked who calls."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from correlation import TRACEPARENT, about, started, valid
from notices import Notices

logger = Logger()
app = APIGatewayHttpResolver()
notices = Notices.from_environment()


class Choice(BaseModel):
    """What a user wants."""

    model_config = ConfigDict(extra="forbid")

    mail: bool
    push: bool
    quiet_minutes: Annotated[int, Field(ge=5, le=1440)] = 15
    language: Literal["en", "ja"] = "en"


class Device(BaseModel):
    """A phone, as its platform names it."""

    model_config = ConfigDict(extra="forbid")

    platform: Literal["apns", "fcm"]
    token: Annotated[str, Field(min_length=1, max_length=4096)]


@app.get("/notices")
def read_choice() -> Response[str]:
    """Return what the caller chose."""
    return _answer(HTTPStatus.OK, _shown(_user()))


@app.put("/notices")
def choose() -> Response[str]:
    """Keep what the caller chose; mail goes to the address that the account has verified."""
    choice = Choice.model_validate_json(_body())
    notices.choose(_user(), **choice.model_dump())
    return _answer(HTTPStatus.OK, _shown(_user()))


@app.post("/devices")
def add_device() -> Response[str]:
    """Register a phone for push."""
    device = Device.model_validate_json(_body())
    try:
        known = notices.add_device(_user(), device.platform, device.token)
    except ValueError as error:
        return _answer(HTTPStatus.BAD_REQUEST, {"message": str(error)})
    return _answer(HTTPStatus.CREATED, {"device": known})


class SignedOutError(Exception):
    """The request has no token: a route without the authorizer, and there is none."""


def refuse(_error: SignedOutError) -> Response[str]:
    """Answer who has no token."""
    return _answer(HTTPStatus.UNAUTHORIZED, {"message": "Sign in first"})


def explain(error: ValidationError) -> Response[str]:
    """Answer with what is wrong about a body, without its contents."""
    problems = [f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors()]
    return _answer(HTTPStatus.BAD_REQUEST, {"message": "; ".join(problems)})


app.exception_handler(ValidationError)(explain)
app.exception_handler(SignedOutError)(refuse)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    with about(logger, valid(event.get("headers", {}).get(TRACEPARENT)) or started()):
        return app.resolve(event, context)


def _user() -> str:
    authorizer = app.current_event.request_context.authorizer
    claims = (authorizer.jwt_claim if authorizer else None) or {}
    if not claims.get("sub"):
        raise SignedOutError
    return str(claims["sub"])


def _body() -> str:
    try:
        return app.current_event.decoded_body or ""
    except ValueError:  # no base64, or no text
        return ""


def _shown(user: str) -> dict[str, Any]:
    chosen = asdict(notices.preferences(user))
    return {name: chosen[name] for name in ("mail", "push", "quiet_minutes", "language", "mail_off")}


def _answer(status: HTTPStatus, body: dict[str, Any]) -> Response[str]:
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    return Response(status, content_type="application/json", headers=headers, body=to_json(body).decode())
