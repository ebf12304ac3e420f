"""Content security policies: what a served page or file may load and call, and who may frame it."""

import re
from collections.abc import Mapping, Sequence

from aws_cdk import Annotations
from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError

_LONGEST = 1783
"""Characters: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""
_TOKEN = re.compile(r"\$\{Token\[[^]]*\]\}")
_LONG_VALUE = "x" * 30
"""Stands for a value that is known at deployment: about the length of a distribution's name."""

# What a page may do by default: load from its own origin, and nothing inline.
OF_PAGES: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:", "blob:"),
    "font-src": ("'self'",),
    "media-src": ("'self'",),
    "connect-src": ("'self'",),
    "manifest-src": ("'self'",),
    "worker-src": ("'self'",),
    "form-action": ("'self'",),
    "base-uri": ("'none'",),
    "frame-ancestors": ("'none'",),
}

# An uploaded HTML or SVG file opens without scripts and in an origin of its own.
OF_FILES: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "img-src": ("'self'",),
    "media-src": ("'self'",),
    "style-src": ("'unsafe-inline'",),
    "sandbox": (),
}


def write_policy(
    scope: Construct, defaults: Mapping[str, Sequence[str]], more: Mapping[str, Sequence[str]] | None
) -> str:
    """Write a policy: the defaults and, for each directive, what was added; 'none' only where it stays alone.

    Args:
        scope: The pattern.
        defaults: Sources by directive.
        more: What was added to them.

    Raises:
        InvalidOptionError: it is longer than CloudFront takes.
    """
    directives: dict[str, list[str]] = {name: list(sources) for name, sources in defaults.items()}
    for name, sources in (more or {}).items():
        allowed = directives.setdefault(name, [])
        allowed.extend(source for source in sources if source not in allowed)
    for sources in directives.values():
        if len(sources) > 1 and "'none'" in sources:
            sources.remove("'none'")
    policy = "; ".join(" ".join((name, *sources)) for name, sources in directives.items())
    _check_length(scope, policy)
    return policy


def _check_length(scope: Construct, policy: str) -> None:
    if (least := len(_TOKEN.sub("", policy))) > _LONGEST:
        problem = f"has {least:,} characters as a header, and CloudFront takes {_LONGEST:,}"
        raise InvalidOptionError(scope, "content_security_policy", problem, "Name fewer hosts, or *.<their domain>")
    if (likely := len(_TOKEN.sub(_LONG_VALUE, policy))) > _LONGEST:
        Annotations.of(scope).add_warning_v2(
            "cdp-constructs:LongContentSecurityPolicy",
            f"content_security_policy makes a header of about {likely:,} characters, and CloudFront takes "
            f"{_LONGEST:,}: the deployment may fail (TooLongCSPInResponseHeadersPolicy). Name fewer hosts.",
        )
