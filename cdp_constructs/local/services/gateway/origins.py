"""From which pages browsers may send requests: this cloud's own, its sites, and those that a resource's CORS allows.

A *site* is an origin that the CORS configuration of a deployed bucket, HTTP or REST API, function URL or
response headers policy names in full; a pattern such as `*` makes no site, but opens the resource that it belongs to.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.cloudfront import distributions as cloudfront
from cdp_constructs.local.services.gateway.names import is_local, is_of_cloud

__all__ = ["is_allowed", "is_service", "is_site"]

_app: Any = ministack.module(
    "app",
    "_is_potential_alb_request",
    "_parse_execute_api_url",
    "_parse_lambda_url",
    "_resolve_custom_domain_request",
    "_s3_cors_target",
)
_apigateway: Any = ministack.module("services.apigateway", "_apis")
_apigateway_v1: Any = ministack.module("services.apigateway_v1", "_resources")
_cloudfront: Any = ministack.module("services.cloudfront", "_distributions", "response_headers_policy_config")
_lambda: Any = ministack.module("services.lambda_svc", "_function_urls", "resolve_function_url")
_s3: Any = ministack.module("services.s3", "_bucket_cors", "_cors_rules")

_POLICY = re.compile(r"<ResponseHeadersPolicyId>([^<]+)<")
_QUOTED_ORIGIN = re.compile(r"""["'](\*|https?://[^"'\\\s]+)\\?["']""")


def _of_api(api_id: str) -> Iterable[str]:
    for api in _apigateway._apis.all_values():
        if api.get("apiId") == api_id:
            return list((api.get("corsConfiguration") or {}).get("allowOrigins") or [])
    # A REST API answers preflights by mock integrations, which have the origins as texts.
    found = (item for (*_, known), item in _apigateway_v1._resources.all_items() if known == api_id)
    return [origin for resources in found for origin in _of_rest_resources(resources)]


def _of_rest_resources(resources: dict[str, Any]) -> Iterator[str]:
    for resource in resources.values():
        options = (resource.get("resourceMethods") or {}).get("OPTIONS") or {}
        responses = (options.get("methodIntegration") or {}).get("integrationResponses")
        yield from _QUOTED_ORIGIN.findall(json.dumps(responses)) if responses else ()


def _of_bucket(bucket: str) -> Iterable[str]:
    return [origin for rule in _s3._cors_rules(bucket) or [] for origin in rule.get("AllowedOrigin", [])]


def _of_function_url(configuration: dict[str, Any]) -> Iterable[str]:
    return (configuration.get("Cors") or {}).get("AllowOrigins") or []


def _of_distribution(distribution: dict[str, Any]) -> Iterable[str]:
    policies = map(_cloudfront.response_headers_policy_config, set(_POLICY.findall(distribution["config_xml"])))
    return [origin for policy in policies if policy for origin in (policy.get("Cors") or {}).get("AllowOrigins", [])]


def _of_everything() -> Iterator[str]:
    for api in _apigateway._apis.all_values():
        yield from (api.get("corsConfiguration") or {}).get("allowOrigins") or []
    for resources in _apigateway_v1._resources.all_values():
        yield from _of_rest_resources(resources)
    for _, bucket in list(_s3._bucket_cors._data):
        yield from _of_bucket(bucket)
    for _, configuration in _lambda._function_urls.all_items():
        yield from _of_function_url(configuration)
    for distribution in _cloudfront._distributions.values():
        yield from _of_distribution(distribution)


def _of_target(host: str, path: str) -> Iterable[str] | None:
    """Return the origins that the CORS of what a request is for allows; None when it is for a service of AWS."""
    api = _app._parse_execute_api_url(host, path) or _app._resolve_custom_domain_request(host, path)
    if api is not None:
        return _of_api(api[0])
    domain = path.removeprefix(cloudfront.PREFIX).partition("/")[0] if path.startswith(cloudfront.PREFIX) else host
    distribution = cloudfront.distribution_of(domain.partition(":")[0])
    if distribution is not None:
        return _of_distribution(distribution)
    url = _app._parse_lambda_url(host, path)
    if url is not None:
        function = _lambda.resolve_function_url(url[0])
        return _of_function_url(function[4]) if function else ()
    bucket = _app._s3_cors_target(host, path)
    if bucket is not None:
        return _of_bucket(bucket[0])
    return () if _app._is_potential_alb_request(host, path) or path.startswith(cloudfront.PREFIX) else None


def is_service(host: str, path: str) -> bool:
    """Whether a request is for the API of a service, and not for a bucket or for what somebody deployed."""
    return _of_target(host, path) is None


def is_site(origin: str, host: str, port: int) -> bool:
    """Whether an origin is this cloud itself, a name that it serves, or a site.

    Args:
        origin: What the browser sent.
        host: The `Host` header of the request.
        port: Port of the gateway.
    """
    parts = urlsplit(origin)
    if parts.scheme == "http" and (is_local(parts.netloc, port) or parts.netloc == host):
        return True
    if parts.scheme == "https" and is_of_cloud(parts.netloc.lower()):
        return True
    return "*" not in origin and origin.lower() in {each.lower() for each in _of_everything()}


def is_allowed(origin: str, host: str, path: str) -> bool:
    """Whether the CORS of the bucket, API, function URL or distribution that a request is for allows an origin.

    Args:
        origin: What the browser sent, `null` included.
        host: Host of the request, and `path` its path, as services see them.
        path: See `host`.
    """
    patterns = (re.escape(each).replace(r"\*", ".*") for each in _of_target(host, path) or ())
    return any(re.fullmatch(pattern, origin, re.IGNORECASE) for pattern in patterns)
