"""Where a viewer finds a CloudFront distribution of the embedded cloud, which has no DNS."""

from urllib.parse import urlsplit

__all__ = ["distribution_url", "viewer_url"]

_PREFIX = "/_aws/cloudfront"


def distribution_url(endpoint: str, domain_name: str) -> str:
    """Return the base URL, without a slash at its end, at which the distribution of a domain name or alias answers."""
    return f"{endpoint}{_PREFIX}/{domain_name}"


def viewer_url(endpoint: str, url: str) -> str:
    """Return where to get what `https://<domain>/<path>?<query>` names; a signed URL stays valid."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{distribution_url(endpoint, parts.netloc)}{parts.path or '/'}{query}"
