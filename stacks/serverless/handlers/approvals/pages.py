"""The page that a buyer sees."""

import html

__all__ = ["HEADERS", "page"]

HEADERS: dict[str, str | list[str]] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_FORM = (
    # It posts to the address that it came from, with its code.
    '<form method="post"><label>Name <input name="by" maxlength="100" required></label> '
    '<label>Comment <input name="comment" maxlength="500"></label> '
    '<button name="decision" value="approve">Approve</button> '
    '<button name="decision" value="reject">Reject</button></form>'
)


def page(text: str, *, form: bool) -> str:
    """Return a page with a sentence, and perhaps the form."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Price list</title></head>'
        f"<body><main><h1>{html.escape(text)}</h1>{_FORM if form else ''}</main></body></html>"
    )
