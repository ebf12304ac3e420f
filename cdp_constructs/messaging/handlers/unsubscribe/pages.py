"""The pages that a reader of a mail sees, in English and Japanese."""

import html

TEXTS = {
    "en": {
        "ask": "Stop these mails?",
        "button": "Stop",
        "done": "You get no more of these mails.",
        "later": "This did not work just now. Try again in a minute.",
        "wrong": "This link is not valid.",
    },
    "ja": {
        "ask": "メール通知を停止しますか",
        "button": "停止する",
        "done": "メール通知を停止しました。",
        "later": "処理できませんでした。しばらくしてから再度お試しください。",
        "wrong": "このリンクは無効です。",
    },
}
HEADERS: dict[str, str | list[str]] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page(language: str, text: str, button: str | None = None) -> str:
    """Return a page with a sentence and perhaps a button."""
    # The form posts to the address that it came from, with its query.
    form = f'<form method="post"><button>{html.escape(button)}</button></form>' if button else ""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(text)}</title></head>'
        f"<body><main><h1>{html.escape(text)}</h1>{form}</main></body></html>"
    )
