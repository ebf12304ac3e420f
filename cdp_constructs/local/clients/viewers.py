"""Where viewers and browsers find what has a name on AWS: the embedded cloud has no DNS."""

from urllib.parse import urlsplit

__all__ = ["browser_url", "distribution_url", "viewer_url"]

_PREFIX = "/_aws/cloudfront"
_LOCAL_SCHEMES = {"https": "http", "wss": "ws"}


def distribution_url(endpoint: str, domain_name: str) -> str:
    """Return the base URL, without a slash at its end, at which the distribution of a domain name or alias answers."""
    return f"{endpoint}{_PREFIX}/{domain_name}"


def viewer_url(endpoint: str, url: str) -> str:
    """Return where to get what `https://<domain>/<path>?<query>` names; a signed URL stays valid."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{distribution_url(endpoint, parts.netloc)}{parts.path or '/'}{query}"


def browser_url(endpoint: str, url: str) -> str:
    """Return where a browser finds what a URL names: `https://<host>/…` is `http://<host>.localhost:<port>/…`.

    Chromium, Firefox and curl resolve names under `localhost` by themselves; Python and Safari do not. What is local
    already, as MiniStack's own addresses are, stays as it is.
    """
    parts = urlsplit(url)
    if parts.scheme not in _LOCAL_SCHEMES:
        return url
    # A name that MiniStack chose, as that of a live channel, is local already and lacks only the scheme.
    own = (parts.hostname or "").endswith(".localhost")
    netloc = parts.netloc if own else f"{parts.netloc}.localhost:{urlsplit(endpoint).port}"
    return parts._replace(scheme=_LOCAL_SCHEMES[parts.scheme], netloc=netloc).geturl()
