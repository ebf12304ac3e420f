"""Local URLs for host names of AWS, because the embedded cloud has no DNS."""

from urllib.parse import urlsplit

__all__ = ["browser_url", "distribution_url", "viewer_url"]

_PREFIX = "/_aws/cloudfront"
_LOCAL_SCHEMES = {"https": "http", "wss": "ws"}


def distribution_url(endpoint: str, domain_name: str) -> str:
    """Return the base URL, without a slash at its end, at which the distribution of a domain name or alias answers."""
    return f"{endpoint}{_PREFIX}/{domain_name}"


def viewer_url(endpoint: str, url: str) -> str:
    """Return the local URL for `https://<domain>/<path>?<query>` of a distribution; a signed URL stays valid."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{distribution_url(endpoint, parts.netloc)}{parts.path or '/'}{query}"


def browser_url(endpoint: str, url: str) -> str:
    """Return the URL for a browser: `http://<host>.localhost:<port>/…` for `https://<host>/…`.

    Chromium, Firefox and curl resolve names under `localhost` by themselves; Python and Safari do not. A URL
    that is local already, such as MiniStack's own addresses, is returned as it is.
    """
    parts = urlsplit(url)
    if parts.scheme not in _LOCAL_SCHEMES:
        return url
    # A name that MiniStack generates, such as that of an AppSync Events API, is local already; only the scheme changes.
    own = (parts.hostname or "").endswith(".localhost")
    netloc = parts.netloc if own else f"{parts.netloc}.localhost:{urlsplit(endpoint).port}"
    return parts._replace(scheme=_LOCAL_SCHEMES[parts.scheme], netloc=netloc).geturl()
