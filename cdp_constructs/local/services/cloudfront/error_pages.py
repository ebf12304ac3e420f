"""CloudFront: pages for errors, also of origins that do not answer, and how long errors are kept.

MiniStack shows a page for what an origin answers. As in CloudFront, an origin that is not reached counts as 502, one
that is too slow as 504; the page has the headers of the behaviour that its path matches; and where a distribution says
for how long an error is kept (`ErrorCachingMinTTL`), the origin is not asked again before. Other errors are not kept.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/GeneratingCustomErrorResponses.html
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["answered", "forget"]

_cloudfront: Any = ministack.module(
    "services.cloudfront",
    "OriginTimeout",
    "OriginUnreachable",
    "_apply_response_headers_policy",
    "_dist_config_el",
    "_match_behavior",
    "_text",
    "response_headers_policy_config",
)

Answer = tuple[int, str, Mapping[str, Any], bytes]

_UNREACHABLE, _TOO_SLOW = 502, 504
_KEPT_METHODS = {"GET", "HEAD"}
_MOST = 1000


@dataclass
class _Viewer:
    """A request of a viewer: whose it is, and whether its origin has failed, so that the page is asked for next."""

    distribution: str
    parsed: Mapping[str, Any]
    seconds: Mapping[int, float]
    failed: int | None = None


_viewer: ContextVar[_Viewer | None] = ContextVar("viewer_of_error_pages", default=None)
_errors: dict[tuple[str, ...], tuple[int, float]] = {}
"""Status, and until when it is kept."""


@patch("ministack.services.cloudfront:handle_viewer_request")
async def _noting_errors(original: Callable[..., Awaitable[Any]], distribution: dict[str, Any], *request: Any) -> Any:
    parsed = _cloudfront.parse_distribution_dataplane_config(distribution)
    if not parsed["custom_error_responses"]:
        return await original(distribution, *request)
    token = _viewer.set(_Viewer(distribution["Id"], parsed, _kept_for(_cloudfront._dist_config_el(distribution))))
    try:
        return await original(distribution, *request)
    finally:
        _viewer.reset(token)


def _kept_for(config: Any) -> dict[int, float]:
    items = (item for item in config.iter() if item.tag.rpartition("}")[2] == "CustomErrorResponse")
    return {int(_cloudfront._text(item, "ErrorCode")): float(_text(item, "ErrorCachingMinTTL")) for item in items}


def _text(item: Any, name: str) -> str:
    return _cloudfront._text(item, name) or "0"


async def answered(method: str, uri: str, query: str, fetch: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer of an origin, or the status that stands for none where the distribution has a page for it.

    Args:
        method: The method.
        uri: The path, as sent.
        query: What reaches the origin of the query.
        fetch: Asks the origin.
    """
    viewer = _viewer.get()
    if viewer is None:
        return await fetch()
    if viewer.failed is not None:
        return _with_headers(await fetch(), viewer)
    pages = viewer.parsed["custom_error_responses"]
    key = (viewer.distribution, method, uri, query)
    answer = _of(key) or await _status_of(fetch, pages)
    if answer[0] in pages:
        viewer.failed = answer[0]
        if method in _KEPT_METHODS:
            _keep(key, answer[0], viewer.seconds[answer[0]])
    return answer


def forget(distribution: str, is_meant: Callable[[str], bool]) -> None:
    """Ask the origin of a distribution again for the paths that are meant, whatever is kept of their errors."""
    for key in [key for key in _errors if key[0] == distribution and is_meant(key[2])]:
        del _errors[key]


async def _status_of(fetch: Callable[[], Awaitable[Answer]], pages: Mapping[int, Any]) -> Answer:
    try:
        return await fetch()
    except _cloudfront.OriginUnreachable:
        if _UNREACHABLE not in pages:
            raise
        return _UNREACHABLE, "", {}, b""
    except _cloudfront.OriginTimeout:
        if _TOO_SLOW not in pages:
            raise
        return _TOO_SLOW, "", {}, b""


def _with_headers(page: Answer, viewer: _Viewer) -> Answer:
    status, reason, headers, body = page
    path = viewer.parsed["custom_error_responses"][viewer.failed]["page"]
    behavior = _cloudfront._match_behavior(viewer.parsed, path)
    policy = _cloudfront.response_headers_policy_config(behavior.get("response_headers_policy_id"))
    return status, reason, _cloudfront._apply_response_headers_policy(dict(headers), policy, "", "GET"), body


def _of(key: tuple[str, ...]) -> Answer | None:
    status, until = _errors.get(key, (0, 0.0))
    return (status, "", {}, b"") if until > time.monotonic() else None


def _keep(key: tuple[str, ...], status: int, seconds: float) -> None:
    # What is kept already keeps its end: otherwise readers who come often would never see the origin again.
    if _of(key) is None:
        _errors.pop(key, None)
        _errors[key] = (status, time.monotonic() + seconds)
        if len(_errors) > _MOST:
            del _errors[next(iter(_errors))]
