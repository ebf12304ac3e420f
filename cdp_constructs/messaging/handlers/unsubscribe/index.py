"""Switches mail off for whoever follows the link of a mail: no sign-in, the mail's own token is the proof.

``GET`` shows a page with a button and changes nothing, because programs that check mails follow links. ``POST``, from
that button or from a mail program (RFC 8058), switches mail off. Events are those of HTTP APIs (payload 2.0) and of
function URLs.
"""

import html
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from notices import Notices

logger = Logger()
tracer = Tracer()
people = Notices.from_environment()

TEXTS = {
    "en": {
        "ask": "Stop these mails?",
        "button": "Stop",
        "done": "You get no more of these mails.",
        "wrong": "This link is not valid.",
    },
    "ja": {
        "ask": "メール通知を停止しますか",
        "button": "停止する",
        "done": "メール通知を停止しました。",
        "wrong": "このリンクは無効です。",
    },
}
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    method = event["requestContext"]["http"]["method"]
    accepted = event.get("headers", {}).get("accept-language", "")
    language = "ja" if accepted.startswith("ja") else "en"
    texts = TEXTS[language]
    if method == "GET":
        # The form posts to the address that it came from, with its query.
        button = f'<form method="post"><button>{html.escape(texts["button"])}</button></form>'
        return answer(HTTPStatus.OK, language, texts["ask"], button)
    if method != "POST":
        return answer(HTTPStatus.METHOD_NOT_ALLOWED, language, texts["wrong"])
    query = event.get("queryStringParameters") or {}
    user, token = query.get("user", ""), query.get("token", "")
    if not user or not token or not people.unsubscribe(user, token):
        return answer(HTTPStatus.FORBIDDEN, language, texts["wrong"])
    return answer(HTTPStatus.OK, language, texts["done"])


def answer(status: HTTPStatus, language: str, text: str, more: str = "") -> dict[str, Any]:
    """Return a page."""
    page = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(text)}</title></head>'
        f"<body><main><h1>{html.escape(text)}</h1>{more}</main></body></html>"
    )
    return {"statusCode": status, "headers": HEADERS, "body": page}
