"""Load balancers: whether a request meets the conditions of a rule, and where a redirect leads.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

import functools
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

__all__ = ["Request", "location", "meets"]

_DEFAULTS = {
    "Protocol": "#{protocol}",
    "Host": "#{host}",
    "Port": "#{port}",
    "Path": "/#{path}",
    "Query": "#{query}",
}


@dataclass(frozen=True)
class Request:
    """What rules see of a request.

    Attributes:
        method: Its method, as sent.
        path: Its path, as sent.
        query: What follows the question mark, as sent.
        headers: Names in lower case, and values, in the order in which they were sent.
        source: Address of the client.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    source: str

    @property
    def authority(self) -> str:
        """The `Host` header."""
        return next(iter(self.values("host")), "")

    @property
    def host(self) -> str:
        """The host without its port."""
        name, colon, port = self.authority.rpartition(":")
        return name if colon and port.isdecimal() else self.authority

    def values(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for each, value in self.headers if each == name.lower()]


@functools.lru_cache(4096)
def _pattern(text: str, *, case: bool, escapes: bool = False) -> re.Pattern[str]:
    """Return an expression for a text in which `*` stands for any characters and `?` for one."""
    parts = re.findall(r"\\[*?\\]|.", text, re.DOTALL) if escapes else list(text)
    wild = {"*": ".*", "?": "."}
    source = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return re.compile(source, re.DOTALL if case else re.DOTALL | re.IGNORECASE)


def _any(values: Sequence[str], actual: Sequence[str], *, case: bool = False) -> bool:
    return any(_pattern(value, case=case).fullmatch(each) for each in actual for value in values)


def _values(condition: Mapping[str, Any], configuration: str) -> list[Any]:
    typed = condition.get(configuration) or {}
    return list(typed.get("Values") or condition.get("Values") or [])


def _host(condition: Mapping[str, Any], request: Request) -> bool:
    return _any(_values(condition, "HostHeaderConfig"), [request.host])


def _path(condition: Mapping[str, Any], request: Request) -> bool:
    return _any(_values(condition, "PathPatternConfig"), [request.path], case=True)


def _method(condition: Mapping[str, Any], request: Request) -> bool:
    return request.method in _values(condition, "HttpRequestMethodConfig")


def _header(condition: Mapping[str, Any], request: Request) -> bool:
    name = (condition.get("HttpHeaderConfig") or {}).get("HttpHeaderName", "")
    return _any(_values(condition, "HttpHeaderConfig"), request.values(name))


def _query(condition: Mapping[str, Any], request: Request) -> bool:
    pairs = parse_qsl(request.query, keep_blank_values=True)

    def found(wanted: Mapping[str, str]) -> bool:
        key = _pattern(wanted.get("Key") or "*", case=False, escapes=True)
        value = _pattern(wanted.get("Value", ""), case=False, escapes=True)
        return any(key.fullmatch(name) and value.fullmatch(text) for name, text in pairs)

    return any(found(wanted) for wanted in _values(condition, "QueryStringConfig") if isinstance(wanted, Mapping))


def _source(condition: Mapping[str, Any], request: Request) -> bool:
    address = ipaddress.ip_address(request.source)
    return any(address in ipaddress.ip_network(each, strict=False) for each in _values(condition, "SourceIpConfig"))


_FIELDS: Mapping[str, Callable[[Mapping[str, Any], Request], bool]] = MappingProxyType(
    {
        "host-header": _host,
        "path-pattern": _path,
        "http-request-method": _method,
        "http-header": _header,
        "query-string": _query,
        "source-ip": _source,
    }
)


def meets(conditions: Sequence[Mapping[str, Any]], request: Request) -> bool:
    """Whether a request meets all conditions of a rule; a condition that is not known here is met by none."""
    return all(
        condition["Field"] in _FIELDS and _FIELDS[condition["Field"]](condition, request) for condition in conditions
    )


def location(configuration: Mapping[str, Any], request: Request, protocol: str, port: int) -> str:
    """Return where a redirect leads.

    Args:
        configuration: The `RedirectConfig` of the action.
        request: What is redirected.
        protocol: That of the listener, `HTTP` or `HTTPS`.
        port: That of the listener.
    """
    known = {
        "protocol": protocol.lower(),
        "host": request.host,
        "port": str(port),
        "path": request.path.removeprefix("/"),
        "query": request.query,
    }

    def part(name: str) -> str:
        text = str(configuration.get(name) or _DEFAULTS[name])
        return re.sub(r"#\{(protocol|host|port|path|query)}", lambda found: known[found[1]], text)

    # An empty text leaves the query out, where a missing one keeps it.
    query = "" if configuration.get("Query") == "" else part("Query")
    return f"{part('Protocol').lower()}://{part('Host')}:{part('Port')}{part('Path')}{'?' if query else ''}{query}"
