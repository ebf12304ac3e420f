"""WAF: whether a request matches the statement of a rule.

What is not here never matches: labels, SQL injection and cross-site scripting. A country is that of the place whose
block an address is in (`local/places.py`); the loopback block 127.18.0.0/16 stands for 198.18.0.0/16. A rate counts
the requests of the last `EvaluationWindowSec` seconds exactly, while AWS takes some seconds to notice.
"""

import base64
import ipaddress
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.time_limits import MOST_SECONDS, TimeLimitError, limited
from cdp_constructs.local.places import PLACES, place_of

__all__ = ["Rates", "Request", "find", "matches"]

_waf: Any = ministack.module("services.waf", "_ip_sets", "_regex_pattern_sets")

_WINDOW_SECONDS = 300
_MOST_KEYS = 10_000
"""Addresses that AWS tracks for a rule at most."""


@dataclass(frozen=True)
class Request:
    """What rules look at.

    Attributes:
        address: IP address of the client.
        headers: By name, in lower case.
    """

    address: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


class Rates:
    """Counts the requests of the last seconds, by key."""

    def __init__(self) -> None:
        self._times: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def exceeds(self, key: tuple[str, ...], limit: int, window: float, now: float) -> bool:
        """Count a request, and tell whether there were more than the limit in the window."""
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while len(self._times) > _MOST_KEYS:
            self._times.popitem(last=False)
        times.append(now)
        while len(times) > limit + 1:
            times.popleft()
        return len(times) > limit and times[0] > now - window


_rates = Rates()


def find(store: Any, arn: str) -> dict[str, Any] | None:
    """Return what WAF has under an ARN (`arn:aws:wafv2:<region>:<account>:<scope>/<type>/<name>/<id>`)."""
    _, _, _, region, account, resource = arn.split(":", 5)
    found: dict[str, Any] | None = store.get_scoped(account, region, resource.rpartition("/")[2])
    return found


def _arn(statement: Mapping[str, Any]) -> str:
    return str(statement.get("ARN") or statement.get("Arn") or "")


def _forwarded(request: Request, settings: Mapping[str, Any]) -> list[str]:
    """Return the addresses of the header that proxies set, or nothing when one of them is not valid."""
    named = request.headers.get(settings["HeaderName"].lower(), "").split(",")
    try:
        return [str(ipaddress.ip_address(each.strip())) for each in named]
    except ValueError:
        return []


def _in_set(statement: Mapping[str, Any], request: Request, _rule: str) -> bool:
    addresses = [request.address]
    if settings := statement.get("IPSetForwardedIPConfig"):
        forwarded = _forwarded(request, settings)
        if not forwarded:
            return bool(settings["FallbackBehavior"] == "MATCH")
        addresses = {"FIRST": forwarded[:1], "LAST": forwarded[-1:], "ANY": forwarded}[settings["Position"]]
    found = find(_waf._ip_sets, _arn(statement)) or {}
    networks = [ipaddress.ip_network(each, strict=False) for each in found.get("Addresses", [])]
    return any(ipaddress.ip_address(each) in network for each in addresses for network in networks)


def _above_rate(statement: Mapping[str, Any], request: Request, rule: str) -> bool:
    scope = statement.get("ScopeDownStatement")
    if scope and not matches(scope, request, rule):
        return False
    kind = statement.get("AggregateKeyType", "IP")
    key = {"IP": request.address, "CONSTANT": ""}.get(kind)
    if kind == "FORWARDED_IP":
        settings = statement["ForwardedIPConfig"]
        forwarded = _forwarded(request, settings)
        if not forwarded:
            return bool(settings["FallbackBehavior"] == "MATCH")
        key = forwarded[0]
    if key is None:
        return False
    window = float(statement.get("EvaluationWindowSec") or _WINDOW_SECONDS)
    return _rates.exceeds((rule, key), int(statement["Limit"]), window, time.monotonic())


_TRANSFORMATIONS: dict[str, Callable[[str], str]] = {"LOWERCASE": str.lower, "URL_DECODE": unquote_plus}


def _field(statement: Mapping[str, Any], request: Request) -> str | None:
    """Return the part of a request that a statement looks at, or None when it looks at another one than these."""
    (name, settings), *_ = statement["FieldToMatch"].items()
    parts: dict[str, Callable[[], str]] = {
        "Body": lambda: request.body.decode("utf-8", "replace"),
        "Method": lambda: request.method,
        "QueryString": lambda: request.query,
        "SingleHeader": lambda: request.headers.get(str((settings or {}).get("Name", "")).lower(), ""),
        "UriPath": lambda: request.path,
    }
    if name not in parts:
        return None
    text = parts[name]()
    for each in sorted(statement.get("TextTransformations") or [], key=lambda each: int(each["Priority"])):
        text = _TRANSFORMATIONS.get(each["Type"], str)(text)
    return text


_POSITIONS: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS": lambda text, sought: sought in text,
    "CONTAINS_WORD": lambda text, sought: re.search(rf"(?<!\w){re.escape(sought)}(?!\w)", text) is not None,
    "ENDS_WITH": str.endswith,
    "EXACTLY": str.__eq__,
    "STARTS_WITH": str.startswith,
}


def _has_bytes(statement: Mapping[str, Any], request: Request, _rule: str) -> bool:
    text = _field(statement, request)
    sought = base64.b64decode(statement["SearchString"]).decode("utf-8", "replace")
    return text is not None and _POSITIONS[statement["PositionalConstraint"]](text, sought)


def _has_pattern(statement: Mapping[str, Any], request: Request, _rule: str) -> bool:
    text = _field(statement, request)
    patterns = [{"RegexString": statement["RegexString"]}] if "RegexString" in statement else None
    if patterns is None:
        patterns = (find(_waf._regex_pattern_sets, _arn(statement)) or {}).get("RegularExpressionList", [])
    return text is not None and any(_is_found(each["RegexString"], text) for each in patterns)


def _is_found(pattern: str, text: str) -> bool:
    try:
        return limited(MOST_SECONDS, lambda: re.search(pattern, text)) is not None
    except TimeLimitError:
        return False


def _all(statement: Mapping[str, Any], request: Request, rule: str) -> bool:
    return all(matches(each, request, rule) for each in statement["Statements"])


def _any(statement: Mapping[str, Any], request: Request, rule: str) -> bool:
    return any(matches(each, request, rule) for each in statement["Statements"])


def _not(statement: Mapping[str, Any], request: Request, rule: str) -> bool:
    return not matches(statement["Statement"], request, rule)


def _of_country(statement: Mapping[str, Any], request: Request, _rule: str) -> bool:
    address = request.address
    if settings := statement.get("ForwardedIPConfig"):
        forwarded = _forwarded(request, settings)
        if not forwarded:
            return bool(settings["FallbackBehavior"] == "MATCH")
        address = forwarded[0]
    place = PLACES[place_of(re.sub(r"^127\.18\.", "198.18.", address))]
    return place.country in statement["CountryCodes"]


_KINDS: dict[str, Callable[[Mapping[str, Any], Request, str], bool]] = {
    "AndStatement": _all,
    "ByteMatchStatement": _has_bytes,
    "GeoMatchStatement": _of_country,
    "IPSetReferenceStatement": _in_set,
    "NotStatement": _not,
    "OrStatement": _any,
    "RateBasedStatement": _above_rate,
    "RegexMatchStatement": _has_pattern,
    "RegexPatternSetReferenceStatement": _has_pattern,
}


def matches(statement: Mapping[str, Any], request: Request, rule: str) -> bool:
    """Tell whether a request matches a statement.

    Args:
        statement: As the API of WAF has it.
        request: The request.
        rule: What the rule is called, across all web ACLs; rates are counted under it.
    """
    return any(_KINDS[kind](settings or {}, request, rule) for kind, settings in statement.items() if kind in _KINDS)
