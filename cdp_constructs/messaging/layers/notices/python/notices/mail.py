"""Mails of notices: subject, plain text and HTML, in English and Japanese."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from notices.texts import one_line

_LONGEST_SUBJECT = 150


@dataclass(frozen=True)
class Mail:
    """A mail without its addresses."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class _Words:
    one: str
    many: str
    more: str
    open: str
    why: str
    stop: str


_WORDS = {
    "en": _Words(
        one="{title}",
        many="{count} new in {title}",
        more="and {count} more",
        open="Open",
        why="You get this mail because you asked {product} for notices.",
        stop="Stop these mails",
    ),
    "ja": _Words(
        one="{title}",
        many="{title}に新着{count}件",
        more="ほか{count}件",
        open="開く",
        why="このメールは、{product}の通知を希望された方にお送りしています。",
        stop="メール通知を停止する",
    ),
}


def subject(language: str, title: str, count: int) -> str:
    """Return one line that says what there is."""
    words = _WORDS[language]
    line = (words.one if count == 1 else words.many).format(title=one_line(title), count=count)
    return line if len(line) <= _LONGEST_SUBJECT else line[: _LONGEST_SUBJECT - 1] + "…"


def compose(language: str, notices: Sequence[dict[str, Any]], count: int, *, product: str, unsubscribe: str) -> Mail:
    """Write a mail about one notice, or a digest of several.

    Args:
        language: ``en`` or ``ja``.
        notices: What is named, oldest first; at least one.
        count: How many there are.
        product: What sends the mail, as its reader knows it.
        unsubscribe: Address at which mail can be switched off.
    """
    words = _WORDS[language]
    newest = notices[-1]
    more = words.more.format(count=count - len(notices)) if count > len(notices) else ""
    why = words.why.format(product=product)
    lines = [str(notice["body"]) for notice in notices]
    text = "\n\n".join(
        [
            *lines,
            *([more] if more else []),
            f"{words.open}: {newest['link']}",
            f"-- \n{why}\n{words.stop}: {unsubscribe}",
        ]
    )
    paragraphs = "".join(f"<p>{html.escape(line).replace(chr(10), '<br>')}</p>" for line in [*lines, more] if line)
    head = html.escape(subject(language, str(newest["title"]), count))
    page = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{head}</title></head>'
        f'<body style="font-family:sans-serif;line-height:1.5"><h1 style="font-size:1.2em">{head}</h1>{paragraphs}'
        f'<p><a href="{html.escape(str(newest["link"]))}">{words.open}</a></p>'
        f'<hr><p style="font-size:.85em">{html.escape(why)}<br>'
        f'<a href="{html.escape(unsubscribe)}">{words.stop}</a></p></body></html>'
    )
    return Mail(subject(language, str(newest["title"]), count), text, page)
