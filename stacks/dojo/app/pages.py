"""The page of a room, which a CDN may keep for a second, and links to it."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote, urlencode

from stacks.dojo.app.model import Message

__all__ = ["room_page", "share_links"]


def room_page(room: str, messages: Sequence[Message]) -> str:
    """Return the page of a room with its latest messages."""
    lines = "\n".join(
        f'<li id="m{each.number}"><b>{escape(each.author)}</b> <time>{each.at:%Y-%m-%d %H:%M:%S}</time>'
        f" {escape(each.text)}</li>"
        for each in messages
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(room)}</title>
<h1>{escape(room)}</h1>
<ol>
{lines}
</ol>
</html>
"""


def share_links(base_url: str, room: str) -> dict[str, str]:
    """Return where people can share a room."""
    url = f"{base_url}/rooms/{quote(room)}/page"
    return {
        "url": url,
        "x": "https://x.com/intent/post?" + urlencode({"url": url, "text": room}),
        "facebook": "https://www.facebook.com/sharer/sharer.php?" + urlencode({"u": url}),
        "line": "https://social-plugins.line.me/lineit/share?" + urlencode({"url": url}),
    }
