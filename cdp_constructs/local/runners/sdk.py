"""Keeps what the AWS SDK for Python computes anew for each request, in the process that functions are forked from.

A request of boto3 is a millisecond of CPU, and requests are most of what functions do. A tenth of it builds the header
`User-Agent` from the same words, another parses the headers of the response as those of a mail. What is sent and what
is returned is the same; descriptions of services are read once for all functions.
"""

import http.client
import re
from functools import cache, lru_cache
from typing import Any

__all__ = ["keep_descriptions", "keep_user_agents", "read_headers_directly"]

_CACHED = 1024
_FIELD = re.compile(r"([!-9;-~]+):[ \t]*([^\r\n]*)\r?\n")
_END_OF_HEADERS = (b"\r\n", b"\n", b"")


def keep_descriptions() -> None:
    """Read each description of a service from its file once."""
    from botocore.loaders import JSONFileLoader

    load_file = JSONFileLoader.load_file

    @cache
    def remembered(path: str) -> Any:
        return load_file(JSONFileLoader(), path)

    setattr(JSONFileLoader, "load_file", lambda _self, file_path: remembered(file_path))  # noqa: B010  # see mypy


def keep_user_agents() -> None:
    """Compute each word of the header `User-Agent` once."""
    from botocore import useragent

    module: Any = useragent
    module.sanitize_user_agent_string_component = lru_cache(_CACHED)(module.sanitize_user_agent_string_component)
    module.UserAgentComponent.to_string = lru_cache(_CACHED)(module.UserAgentComponent.to_string)


def read_headers_directly() -> None:
    """Read the headers of HTTP responses without the parser of mails, unless one needs it."""
    module: Any = http.client
    parse, read = module.parse_headers, module._read_headers

    def parse_headers(stream: Any, _class: Any = http.client.HTTPMessage) -> Any:
        lines = read(stream)
        fields = [_FIELD.fullmatch(line.decode("iso-8859-1")) for line in lines if line not in _END_OF_HEADERS]
        if _class is not http.client.HTTPMessage or None in fields:  # such as one that goes on in the next line
            return parse(_Lines(lines), _class)
        message = http.client.HTTPMessage()
        for field in filter(None, fields):
            message.set_raw(field[1], field[2])
        message.set_payload("")
        return message

    module.parse_headers = parse_headers


class _Lines:
    """Lines that have been read, for who reads them again."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = iter(lines)

    def readline(self, _limit: int = -1) -> bytes:
        """Return the next line, nothing after the last."""
        return next(self._lines, b"")
