"""The grammar of channels, for the constructs and for the functions of both transports.

A channel is one to five segments, such as ``/rooms/one``. The grammar is AppSync's, so that subscribe handlers and
publishers work with either transport:
https://docs.aws.amazon.com/appsync/latest/eventapi/channel-namespaces.html
"""

import re

_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?"
_CHANNEL = re.compile(rf"/?{_SEGMENT}(?:/{_SEGMENT}){{0,4}}/?")


def is_segment(name: str) -> bool:
    """Return whether a name can be a segment: 1 to 50 letters, digits and dashes, with no dash at either end."""
    return re.fullmatch(_SEGMENT, name) is not None


def normalised(channel: str) -> str | None:
    """Return a channel with a slash before each segment and none behind; None for wildcards and everything else."""
    return f"/{channel.strip('/')}" if _CHANNEL.fullmatch(channel) else None


def segments_of(channel: str) -> list[str]:
    """Return the segments of a normalised channel; the first is its namespace."""
    return channel.strip("/").split("/")
