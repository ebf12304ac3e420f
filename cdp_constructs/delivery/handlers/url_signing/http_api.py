"""The entrance for users: an HTTP API with a JWT authorizer. Only paths below the user's own prefix are signed."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from pydantic import ValidationError
from pydantic_core import to_json

from .environment import Environment
from .requests import SigningRequest
from .signing import sign

app = APIGatewayHttpResolver()
logger = Logger(child=True)

# The answer to a wrong request repeats what is wrong in it.
LARGEST_BODY = 64 * 1024


@app.post(".+")  # the path is the API's affair
def ask() -> Response[str]:
    """Answer 200 with what was signed, and set its cookies; or 400, 401, 403 or 413 with a sentence for the user."""
    environment: Environment = app.context["environment"]
    authorizer = app.current_event.request_context.authorizer
    subject = (authorizer.jwt_claim or {}).get("sub") if authorizer else None
    if not subject:
        return _response(HTTPStatus.UNAUTHORIZED, {"message": "Sign in first"})
    if len(app.current_event.body or "") > LARGEST_BODY:
        return _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"message": "Send at most 64 KB"})
    try:
        body = (app.current_event.decoded_body or "").encode()
    except ValueError:  # neither base64 nor text
        return _response(HTTPStatus.BAD_REQUEST, {"message": "body: Send JSON as UTF-8"})
    try:
        request = SigningRequest.model_validate_json(body)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors()]
        return _response(HTTPStatus.BAD_REQUEST, {"message": "; ".join(problems)})
    # A subject with a slash could reach below the prefix of another user.
    if "/" in subject or not request.path.startswith(environment.user_prefix.replace("{sub}", subject)):
        logger.warning("Refused to sign a path of another user", subject=subject)
        return _response(HTTPStatus.FORBIDDEN, {"message": "Not yours"})
    signed = sign(request, environment)
    return _response(HTTPStatus.OK, signed, _set_cookies(signed.get("cookies", {}), request, environment))


def _set_cookies(cookies: dict[str, str], request: SigningRequest, environment: Environment) -> list[Cookie]:
    """Return what the browser keeps, when the distribution has a domain whose cookies the API's own domain may set."""
    if not environment.cookie_domain:
        return []
    return [
        Cookie(
            name,
            value,
            domain=environment.cookie_domain,
            path=f"/{quote(request.path.removesuffix('*'))}",
            max_age=request.expires_in,
            secure=True,
            http_only=True,
            same_site=SameSite.LAX_MODE,
        )
        for name, value in cookies.items()
    ]


def _response(status: HTTPStatus, body: dict[str, Any], cookies: list[Cookie] | None = None) -> Response[str]:
    # A signature is a permission: no cache may keep it.
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    return Response(
        status, content_type="application/json", headers=headers, cookies=cookies, body=to_json(body).decode()
    )
