"""The entrance for users: an HTTP API with a JWT authorizer. The owner is the subject of the user's token."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from pydantic_core import from_json, to_json

from .requests import UploadRefusedError
from .uploads import answer

app = APIGatewayHttpResolver()

# A completion of 100 parts has less; the answer to a wrong request repeats what is wrong in it.
LARGEST_BODY = 64 * 1024


@app.post(".+")  # the path is the API's affair
def ask() -> Response[str]:
    """Answer 201 with a form, 200 when an upload in parts is complete, or 4xx with a sentence for the user."""
    authorizer = app.current_event.request_context.authorizer
    subject = (authorizer.jwt_claim or {}).get("sub") if authorizer else None
    if not subject:
        return _response(HTTPStatus.UNAUTHORIZED, {"message": "Sign in first"})
    if len(app.current_event.body or "") > LARGEST_BODY:
        return _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"message": "Send at most 64 KB"})
    request = _read()
    # Metadata is the application's own: consumers may trust it.
    if not isinstance(request, dict) or "metadata" in request:
        return _response(HTTPStatus.BAD_REQUEST, {"message": "Send a JSON object with name, content_type and size"})
    try:
        result = answer(subject, request, app.context["environment"])
    except UploadRefusedError as error:
        return _response(HTTPStatus.BAD_REQUEST, {"message": str(error)})
    return _response(HTTPStatus.OK if "multipart_upload_id" in request else HTTPStatus.CREATED, result)


def _read() -> Any:
    try:
        return from_json(app.current_event.decoded_body or "", allow_inf_nan=False)
    except (TypeError, ValueError):  # no JSON, or no text
        return None


def _response(status: HTTPStatus, body: dict[str, Any]) -> Response[str]:
    # A form is a permission: no cache may keep it.
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    return Response(status, content_type="application/json", headers=headers, body=to_json(body).decode())
