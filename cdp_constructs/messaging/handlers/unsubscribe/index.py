"""Switches mail off for the reader who follows the link of a mail: no sign-in, the mail's own token is the proof.

``GET`` shows a page with a button and changes nothing, because programs that check mails follow links. ``POST``, from
that button or from a mail program (RFC 8058), switches mail off. Events are those of HTTP APIs (payload 2.0) and of
function URLs.
"""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from notices import Notices

from .pages import HEADERS, TEXTS, page

logger = Logger()
people = Notices.from_environment()
app = APIGatewayHttpResolver()

# The path is the user's: whatever reaches the function is a link of a mail.
ANY_PATH = ".+"
LONGEST_USER = 256
THROTTLED = {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)


@app.get(ANY_PATH)
def ask() -> Response[str]:
    """Show the button."""
    return answer(HTTPStatus.OK, "ask", button=True)


@app.post(ANY_PATH)
def switch_off() -> Response[str]:
    """Switch mail off for the user of the token."""
    query = app.current_event.query_string_parameters
    user, token = query.get("user", ""), query.get("token", "")
    # No user of a notice has a longer name, and no key of the table is much longer.
    if (
        not 1 <= len(user) <= LONGEST_USER
        or not user.isprintable()
        or not token.isascii()
        or not token
        or not people.unsubscribe(user, token)
    ):
        return answer(HTTPStatus.FORBIDDEN, "wrong")
    return answer(HTTPStatus.OK, "done")


@app.not_found
def refuse(_error: NotFoundError) -> Response[str]:
    """Refuse every other method."""
    return answer(HTTPStatus.METHOD_NOT_ALLOWED, "wrong")


@app.exception_handler(ClientError)  # type: ignore[untyped-decorator]  # Powertools has no types for it
def ask_again(error: ClientError) -> Response[str]:
    """Answer 503 when the table takes no more requests for a moment; everything else is a bug."""
    if error.response["Error"]["Code"] not in THROTTLED:
        raise error
    logger.warning("Throttled", operation=error.operation_name)
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, "later", {"retry-after": "1"})


def answer(
    status: HTTPStatus, text: str, headers: dict[str, str | list[str]] | None = None, *, button: bool = False
) -> Response[str]:
    """Return a page in the reader's language."""
    accepted = app.current_event.headers.get("accept-language", "")
    language = "ja" if accepted.startswith("ja") else "en"
    body = page(language, TEXTS[language][text], TEXTS[language]["button"] if button else None)
    content_type = "text/html; charset=utf-8"
    return Response(status_code=status.value, content_type=content_type, headers=HEADERS | (headers or {}), body=body)
