"""Checks of SorryPage's options; each raises InvalidOptionError."""

import re
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration
from constructs import Construct

from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.tree import keep, kept
from cdp_constructs.core.validation import InvalidOptionError, check_duration
from cdp_constructs.delivery._checks import check_path_prefix
from cdp_constructs.delivery.cache_distribution import CacheDistribution

INDEX = "index.html"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/creating-custom-error-pages.html
_STATUS_CODES = (500, 501, 502, 503, 504)
# A header of HTTP has no bound; longer than a day is not meant.
_RETRY_SOURCE = "https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"


def check_retry_after(scope: Construct, retry_after: Duration) -> None:
    """Refuse what readers would not wait for, or not at all."""
    check_duration(scope, "retry_after", retry_after, low=seconds(1), high=seconds(86_400), source=_RETRY_SOURCE)


def check_status_codes(scope: Construct, status_codes: Sequence[int]) -> None:
    """Refuse codes that CloudFront has no page for, none, and one twice."""
    known = ", ".join(map(str, _STATUS_CODES))
    if not status_codes:
        raise InvalidOptionError(scope, "status_codes", "is empty", f"Name some of {known}")
    for number, code in enumerate(status_codes):
        if code not in _STATUS_CODES:
            raise InvalidOptionError(scope, "status_codes", f"contains {code}", f"Name some of {known}")
        if code in status_codes[:number]:
            raise InvalidOptionError(scope, "status_codes", f"contains {code} twice", "Name each once")


def check_folder(scope: Construct, folder: str | Path | None) -> None:
    """Refuse a folder without a page."""
    if folder is not None and not (Path(folder) / INDEX).is_file():
        fix = f"Name a folder that exists when the app is synthesised, with its {INDEX}"
        raise InvalidOptionError(scope, "folder", f"is {str(folder)!r}, which has no {INDEX}", fix)


def check_page_path(scope: Construct, site: CacheDistribution, path: str) -> None:
    """Refuse a path of the site that another origin answers first, and a second page."""
    check_path_prefix(scope, path)
    for pattern in site.path_patterns:
        if _matches(pattern, f"{path}/{INDEX}"):
            problem = f"is {path!r}, which {pattern!r} answers, a pattern that was added before"
            raise InvalidOptionError(scope, "path", problem, "Make the page first, or give it another path")
    if kept(site.distribution, "SorryPage") is not None:
        fix = "Make one: it answers for the whole distribution"
        raise InvalidOptionError(scope, "site", f"is {path_of(site)}, which has a page", fix)
    keep(site.distribution, "SorryPage", True)


def _matches(pattern: str, path: str) -> bool:
    """Whether a path pattern of CloudFront is for a path: * is any text, ? one character."""
    text = re.escape(f"/{pattern.removeprefix('/')}").replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(text, path) is not None
