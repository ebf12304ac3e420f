"""CloudFront: answers are kept for as long as their origin says, within the bounds of the cache policy.

Requests are the same when all that the cache policy names is the same; of those that come at once, one asks the origin.
An answer whose origin names no lifetime is not kept, whatever `DefaultTTL` says: whoever changes a file here sees the
change. Nor is one with an error, but where `error_pages` says so. Requests for a range, or with a condition, are passed
on.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.cloudfront import error_pages

__all__ = ["kept"]

_cloudfront: Any = ministack.module(
    "services.cloudfront",
    "_behavior_kind",
    "_cache_policies",
    "_invalidations",
    "_MANAGED_CACHE_POLICIES",
    "_match_behavior",
)

_KEPT_METHODS = {"GET", "HEAD"}
_PASSED_ON = ("range", "if-")
_NEVER = {"no-cache", "no-store", "private"}
_DIRECTIVE = re.compile(r"([a-z-]+)(?:\s*=\s*\"?(\d+)\"?)?", re.IGNORECASE)
_MOST = 1000
_LARGEST = 1_000_000
_OK, _ERRORS = 200, 400
_YEAR = 31_536_000

Answer = tuple[int, str, Mapping[str, Any], bytes]
_Key = tuple[Any, ...]


@dataclass
class _Viewer:
    """A request of a viewer: whose it is, and whether it was answered from the cache."""

    distribution: str
    policy: Mapping[str, Any]
    hit: bool = False


@dataclass(frozen=True)
class _Kept:
    answer: Answer
    since: float
    until: float


_viewer: ContextVar[_Viewer | None] = ContextVar("viewer_of_cloudfront", default=None)
_answers: dict[_Key, _Kept] = {}
_asking: dict[_Key, asyncio.Event] = {}


@patch("ministack.services.cloudfront:handle_viewer_request")
async def _noting_hits(
    original: Callable[..., Awaitable[Any]], distribution: dict[str, Any], method: str, path: str, *request: Any
) -> Any:
    behavior = _cloudfront._match_behavior(_cloudfront.parse_distribution_dataplane_config(distribution), path)
    policy_id = (behavior or {}).get("cache_policy_id")
    found = _cloudfront._cache_policies.get(policy_id) or _cloudfront._MANAGED_CACHE_POLICIES.get(policy_id)
    if method not in _KEPT_METHODS or found is None or not found["Config"]["MaxTTL"]:
        return await original(distribution, method, path, *request)
    viewer = _Viewer(distribution["Id"], found["Config"])
    token = _viewer.set(viewer)
    try:
        status, headers, body = await original(distribution, method, path, *request)
    finally:
        _viewer.reset(token)
    return status, {**headers, "X-Cache": "Hit from cloudfront"} if viewer.hit else headers, body


async def kept(
    origin: Mapping[str, Any],
    method: str,
    uri: str,
    query: str,
    headers: Mapping[str, Any],
    fetch: Callable[[], Awaitable[Any]],
) -> Any:
    """Return what is kept of a request, else what the origin answers.

    Args:
        origin: The origin, or group of origins.
        method: The method.
        uri: The path, as sent.
        query: What reaches the origin of the query.
        headers: What reaches the origin of the headers, names in lower case.
        fetch: Asks the origin.
    """
    viewer = _viewer.get()
    if viewer is None or any(name.startswith(_PASSED_ON) for name in headers):
        return await fetch()
    named = _named(viewer.policy.get("Parameters") or {}, query, headers)
    key = (viewer.distribution, origin["id"], method, uri, *named)
    if (found := _of(key, viewer)) is not None:
        return found
    if (first := _asking.get(key)) is not None:
        await first.wait()
        return _of(key, viewer) or await fetch()
    _asking[key] = event = asyncio.Event()
    try:
        answer = await fetch()
        _keep(key, answer, _lifetime(answer, viewer.policy))
    finally:
        del _asking[key]
        event.set()
    return answer


def _of(key: _Key, viewer: _Viewer) -> Answer | None:
    found = _answers.get(key)
    now = time.monotonic()
    if found is None or found.until <= now:
        return None
    viewer.hit = True
    status, reason, headers, body = found.answer
    return status, reason, {**headers, "age": str(int(now - found.since))}, body


def _keep(key: _Key, answer: Answer, seconds: float) -> None:
    _answers.pop(key, None)
    if seconds > 0 and len(answer[3]) <= _LARGEST:
        now = time.monotonic()
        _answers[key] = _Kept(answer, now, now + seconds)
        if len(_answers) > _MOST:
            del _answers[next(iter(_answers))]


def _lifetime(answer: Answer, policy: Mapping[str, Any]) -> float:
    status, _, headers, _ = answer
    if not _OK <= status < _ERRORS or "set-cookie" in headers:
        return 0
    stated = headers.get("cache-control", "")
    text = ", ".join(stated) if isinstance(stated, list) else str(stated)
    directives = {name.lower(): value for name, value in _DIRECTIVE.findall(text)}
    shortest, longest = int(policy.get("MinTTL") or 0), int(policy.get("MaxTTL") or _YEAR)
    if directives.keys() & _NEVER:
        return min(shortest, longest)
    seconds = directives.get("s-maxage") or directives.get("max-age")
    return 0 if not seconds else min(max(int(seconds), shortest), longest)


def _named(parameters: Mapping[str, Any], query: str, headers: Mapping[str, Any]) -> Iterable[Any]:
    """Yield what the cache policy names of a request."""

    def chosen(what: str, names: str, pairs: Iterable[tuple[str, Any]]) -> tuple[Any, ...]:
        listed = parameters.get(names)
        kind, wanted = _cloudfront._behavior_kind(parameters.get(what, "none"), listed, lowercase=what[0] == "H")

        def takes(name: str) -> bool:
            return (
                kind == "all"
                or (kind == "whitelist" and name in wanted)
                or (kind == "allExcept" and name not in wanted)
            )

        return tuple(sorted(pair for pair in pairs if takes(pair[0])))

    cookies = (part.strip().partition("=")[::2] for part in str(headers.get("cookie", "")).split(";"))
    yield chosen("HeaderBehavior", "Headers", ((name, str(value)) for name, value in headers.items()))
    yield chosen("CookieBehavior", "Cookies", cookies)
    yield chosen("QueryStringBehavior", "QueryStrings", parse_qsl(query, keep_blank_values=True))


@patch("ministack.services.cloudfront:_create_invalidation")
def _invalidate(original: Callable[[str, bytes], Any], distribution: str, body: bytes) -> Any:
    answer = original(distribution, body)
    made = _cloudfront._invalidations.get(distribution) or []
    for pattern in made[-1]["InvalidationBatch"]["Paths"]["Items"] if made else ():
        prefix = pattern.removesuffix("*")

        def is_meant(uri: str, pattern: str = pattern, prefix: str = prefix) -> bool:
            return uri == pattern or (pattern != prefix and uri.startswith(prefix))

        error_pages.forget(distribution, is_meant)
        for key in [key for key in _answers if key[0] == distribution and is_meant(key[3])]:
            del _answers[key]
    return answer
