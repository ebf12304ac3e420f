"""CloudFront: the website endpoint of a bucket as an origin, with its index and error documents and redirections.

Requests are anonymous, so that only what the bucket makes public is served.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html
"""

import os
import re
from collections.abc import Awaitable, Callable
from typing import Any
from xml.etree import ElementTree as ET

from cdp_constructs.local.kit import ministack

__all__ = ["bucket_of", "from_website"]

_cloudfront: Any = ministack.module("services.cloudfront", "_forward_to_origin", "_multidict_from_pairs")
_concurrency: Any = ministack.module("core.concurrency", "run_reentrant")
_s3: Any = ministack.module("services.s3", "_bucket_owner_account", "_bucket_websites", "_ensure_bucket")

_ENDPOINT = re.compile(r"(?P<bucket>.+)\.s3-website[.-][a-z0-9-]+\.amazonaws\.com(?:\.cn)?")
_OK, _MOVED, _FOUND, _ERRORS, _NOT_FOUND, _NOT_ALLOWED = 200, 301, 302, 400, 404, 405
_Answer = tuple[int, str, Any, bytes]


def bucket_of(domain_name: str) -> str | None:
    """Return the bucket whose website endpoint a domain name is; None for other names."""
    found = _ENDPOINT.fullmatch(domain_name)
    return found["bucket"] if found and _s3._ensure_bucket(found["bucket"]) is not None else None


class _Website:
    """The website configuration of a bucket."""

    def __init__(self, bucket: str) -> None:
        text = _s3._bucket_websites.get_scoped(_s3._bucket_owner_account(bucket), None, bucket)
        self.exists = bool(text)
        # What S3 stored itself; every element of it is in one namespace.
        self._root = ET.fromstring(re.sub(r'\sxmlns="[^"]+"', "", text or "<none/>"))  # noqa: S314

    def text(self, path: str, parent: ET.Element | None = None) -> str:
        return ((self._root if parent is None else parent).findtext(path) or "").strip()

    def redirection(self, key: str, status: int, scheme: str, host: str) -> tuple[int, str] | None:
        """Return status and location of the first rule for a key and, beside 0, the status of its answer."""
        if all_to := self.text("RedirectAllRequestsTo/HostName"):
            return _MOVED, f"{self.text('RedirectAllRequestsTo/Protocol') or scheme}://{all_to}/{key}"
        for rule in self._root.iterfind("RoutingRules/RoutingRule"):
            prefix = self.text("Condition/KeyPrefixEquals", rule)
            code = self.text("Condition/HttpErrorCodeReturnedEquals", rule)
            if not key.startswith(prefix) or code != (str(status) if status else ""):
                continue
            target = self.text("Redirect/ReplaceKeyWith", rule) or (
                self.text("Redirect/ReplaceKeyPrefixWith", rule) + key.removeprefix(prefix)
                if rule.find("Redirect/ReplaceKeyPrefixWith") is not None
                else key
            )
            to_host = self.text("Redirect/HostName", rule) or host
            to_scheme = self.text("Redirect/Protocol", rule) or scheme
            return int(self.text("Redirect/HttpRedirectCode", rule) or _MOVED), f"{to_scheme}://{to_host}/{target}"
        return None


def _redirected(status: int, location: str) -> _Answer:
    return status, "", _cloudfront._multidict_from_pairs([("Location", location)]), b""


async def from_website(
    bucket: str, origin: dict[str, Any], method: str, path: str, headers: dict[str, Any], address: str, forwarded: str
) -> _Answer:
    """Answer as the website endpoint of a bucket does."""
    website, key = _Website(bucket), path.lstrip("/")
    if method not in {"GET", "HEAD"}:
        return _NOT_ALLOWED, "", {}, b""
    if not website.exists:
        return _NOT_FOUND, "", {"content-type": "text/html"}, b"<h1>404 Not Found</h1><p>NoSuchWebsiteConfiguration</p>"
    if moved := website.redirection(key, 0, "http", origin["domain_name"]):
        return _redirected(*moved)
    gateway = {
        **origin,
        "domain_name": "127.0.0.1",
        "http_port": int(os.environ.get("GATEWAY_PORT", "4566")),
        "protocol_policy": "http-only",
        "origin_path": "",
    }
    sent = {name: value for name, value in headers.items() if name.lower() not in {"authorization", "host"}}

    async def fetch(wanted: str) -> _Answer:
        run: Callable[..., Awaitable[Any]] = _concurrency.run_reentrant
        request = (method, f"/{bucket}/{wanted}", "", sent, b"", False, address, forwarded)
        status, reason, pairs, content = await run(_cloudfront._forward_to_origin, gateway, *request)
        return status, reason, _cloudfront._multidict_from_pairs(pairs), content

    index = website.text("IndexDocument/Suffix")
    answer = await fetch(f"{key}{index}" if key.endswith("/") or not key else key)
    return answer if answer[0] < _ERRORS else await _instead_of(answer, website, key, origin["domain_name"], fetch)


async def _instead_of(
    answer: _Answer, website: _Website, key: str, host: str, fetch: Callable[[str], Awaitable[_Answer]]
) -> _Answer:
    """Answer with a redirection or the error document where an object is missing or not public."""
    if key and not key.endswith("/"):
        below = await fetch(f"{key}/{website.text('IndexDocument/Suffix')}")
        if below[0] == _OK:
            return _redirected(_FOUND, f"/{key}/")
    if moved := website.redirection(key, answer[0], "http", host):
        return _redirected(*moved)
    if document := website.text("ErrorDocument/Key"):
        page = await fetch(document)
        if page[0] == _OK:
            return answer[0], "", page[2], page[3]
    return answer
