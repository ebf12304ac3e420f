"""CloudFront: distributions are reachable without DNS, and their functions run.

A distribution answers at `/_aws/cloudfront/<domain>/<path>`, where the domain is its own or one of its aliases, and to
any request with its domain as Host. Both count as HTTPS, since loopback needs no TLS; a request with
`X-Forwarded-Proto: http` is taken for plain HTTP.
"""

from collections.abc import Callable
from http import HTTPStatus
from types import ModuleType
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace_attributes
from cdp_constructs.local.services.lambda_ import runtime, sandboxes

__all__ = ["PREFIX", "addressed", "distribution_of"]


PREFIX = "/_aws/cloudfront/"

_app: Any = ministack.module("app", "_parse_cloudfront_dataplane_host")
_cloudfront: Any = ministack.module("services.cloudfront", "_distributions", "_get_distribution_aliases")

_known_aliases: dict[tuple[str, str], list[str]] = {}
"""By the id of a distribution and the version of its configuration."""


def distribution_of(domain: str) -> dict[str, Any] | None:
    """Return the distribution that answers to a domain name or alias."""
    distributions: list[dict[str, Any]] = list(_cloudfront._distributions.values())
    return next((item for item in distributions if domain in {item["DomainName"], *_aliases(item)}), None)


def _aliases(distribution: dict[str, Any]) -> list[str]:
    """Return the alternate domain names; cached, because every request with a host name asks for them."""
    key = (distribution["Id"], distribution["ETag"])
    if key not in _known_aliases:
        _known_aliases[key] = list(_cloudfront._get_distribution_aliases(distribution))
    return _known_aliases[key]


def _addressed(path: str) -> tuple[str, str]:
    """Split `/_aws/cloudfront/<domain>/<path>` into domain and path."""
    domain, _, rest = path.removeprefix(PREFIX).partition("/")
    return domain, f"/{rest}"


def addressed(host: str, path: str, raw_path: str) -> tuple[dict[str, Any], str, str, str] | None:
    """Return the distribution that a viewer asks, its domain, and the path with its raw form; None for other hosts."""
    domain = host.partition(":")[0].lower()
    if path.startswith(PREFIX):
        (domain, path), raw_path = _addressed(path), _addressed(raw_path)[1]
    distribution = distribution_of(domain)
    return None if distribution is None else (distribution, domain, path, raw_path)


@patch("ministack.app:_handle_pre_body_request")
async def _leave_paths_to_distributions(
    original: Callable[..., Any], method: str, path: str, headers: dict[str, str], query: Any, request_id: str
) -> Any:
    # MiniStack answers preflights and some paths itself before it looks at the host; these are the distribution's.
    if path.startswith(PREFIX) or _app._parse_cloudfront_dataplane_host(headers.get("host", "")):
        return None
    return await original(method, path, headers, query, request_id)


@patch("ministack.app:_handle_special_data_plane_request")
async def _serve_by_path(
    original: Callable[..., Any],
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: Any,
    request_id: str,
    **raw: Any,
) -> Any:
    if not path.startswith(PREFIX):
        return await original(method, path, headers, body, query, request_id, **raw)
    domain, viewer_path = _addressed(path)
    distribution = distribution_of(domain)
    if distribution is None:
        return HTTPStatus.NOT_FOUND, {"Content-Type": "text/plain"}, f"no distribution answers for {domain}\n".encode()
    headers["host"] = domain
    return await _cloudfront.handle_viewer_request(
        distribution,
        method,
        viewer_path,
        _addressed(raw["raw_path"] or path)[1],
        raw["raw_query_string"],
        headers,
        body,
        query,
        raw["client_ip"],
    )


@replace_attributes("ministack.core.node_pool:subprocess")
def _subprocess_of_functions(original: ModuleType) -> dict[str, Any]:
    def popen(command: list[str], **options: Any) -> Any:
        """Run CloudFront Functions, whose code was deployed, in a sandbox."""
        sandbox = sandboxes.sandbox("javascript")
        return original.Popen(
            [runtime.node(), *command[1:]],
            cwd=sandbox.home,
            env={**sandboxes.environment(), **sandbox.variables},
            **options,
            **sandbox.process_options,
        )

    return {"Popen": popen}
