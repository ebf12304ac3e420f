"""The entrance for users: an HTTP API with a JWT authorizer. The owner is the subject of the user's token."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, UnauthorizedError
from pydantic_core import from_json, to_json

from .requests import UploadRefusedError
from .uploads import answer

app = APIGatewayHttpResolver()


@app.post(".+")  # the path is the API's affair
def ask() -> Response[str]:
    """Answer 201 with a form, 200 when an upload in parts is complete, or 400 or 401 with a sentence for the user."""
    authorizer = app.current_event.request_context.authorizer
    subject = (authorizer.jwt_claim or {}).get("sub") if authorizer else None
    if not subject:
        raise UnauthorizedError("Sign in first")
    request = _request(app.current_event.decoded_body or "")
    try:
        result = answer(subject, request, app.context["environment"])
    except UploadRefusedError as error:
        raise BadRequestError(str(error)) from error
    status = HTTPStatus.OK if "multipart_upload_id" in request else HTTPStatus.CREATED
    return Response(
        status_code=status,
        content_type="application/json",
        # The answer is a permission: no cache may keep it.
        headers={"Cache-Control": "no-store"},
        body=to_json(result).decode(),
    )


def _request(body: str) -> dict[str, Any]:
    try:
        request = from_json(body, allow_inf_nan=False)
    except ValueError:
        request = None
    # Metadata is the application's own: consumers may trust it.
    if not isinstance(request, dict) or "metadata" in request:
        raise BadRequestError("Send a JSON object with name, content_type and size")
    return request
