"""Load balancers: conditions of rules, and where redirects lead, as AWS documents them."""

from typing import Any

import pytest

from cdp_constructs.local.services.elbv2.rules import Request, location, meets


def _request(
    path: str = "/", query: str = "", method: str = "GET", source: str = "127.0.0.1", **headers: str
) -> Request:
    sent = [(name.replace("_", "-"), value) for name, value in {"host": "shop.example:8080", **headers}.items()]
    return Request(method, path, query, sent, source)


def _condition(field: str, *values: Any, **configuration: Any) -> list[dict[str, Any]]:
    names = {
        "host-header": "HostHeaderConfig",
        "path-pattern": "PathPatternConfig",
        "http-header": "HttpHeaderConfig",
        "http-request-method": "HttpRequestMethodConfig",
        "query-string": "QueryStringConfig",
        "source-ip": "SourceIpConfig",
    }
    return [{"Field": field, names[field]: {"Values": list(values), **configuration}}]


@pytest.mark.parametrize(
    ("condition", "request_", "met"),
    [
        (_condition("host-header", "SHOP.example"), _request(), True),
        (_condition("host-header", "*.example"), _request(), True),
        (_condition("host-header", "sho?.example", "other"), _request(), True),
        (_condition("host-header", "example"), _request(), False),
        (_condition("path-pattern", "/img/*"), _request("/img/a/b"), True),
        (_condition("path-pattern", "/img/?.png"), _request("/img/a.png"), True),
        (_condition("path-pattern", "/IMG/*"), _request("/img/a"), False),
        (_condition("path-pattern", "/a[b]"), _request("/ab"), False),
        (_condition("path-pattern", "/a"), _request("/a", query="b"), True),
        (_condition("http-header", "*mobile*", HttpHeaderName="User-Agent"), _request(user_agent="A Mobile B"), True),
        (_condition("http-header", "*", HttpHeaderName="X-None"), _request(), False),
        (_condition("http-request-method", "GET", "HEAD"), _request(), True),
        (_condition("http-request-method", "get"), _request(), False),
        (_condition("query-string", {"Key": "Version", "Value": "v?"}), _request(query="a=b&version=V1"), True),
        (_condition("query-string", {"Value": "*x*"}), _request(query="a=axb"), True),
        (_condition("query-string", {"Key": "a", "Value": "\\*"}), _request(query="a=b"), False),
        (_condition("query-string", {"Key": "a", "Value": "\\*"}), _request(query="a=*"), True),
        (_condition("query-string", {"Key": "a", "Value": "b"}), _request(query="b=a"), False),
        (_condition("source-ip", "127.0.0.0/8"), _request(), True),
        (_condition("source-ip", "10.0.0.0/8", "2001:db8::/32"), _request(x_forwarded_for="10.0.0.1"), False),
        ([{"Field": "path-pattern", "Values": ["/a"]}], _request("/a"), True),
        ([{"Field": "new-field", "Values": ["*"]}], _request(), False),
        (_condition("path-pattern", "/a") + _condition("http-request-method", "POST"), _request("/a"), False),
    ],
)
def test_conditions(condition: list[dict[str, Any]], request_: Request, met: bool) -> None:
    assert meets(condition, request_) is met


@pytest.mark.parametrize(
    ("configuration", "leads"),
    [
        ({"Protocol": "HTTPS", "Port": "443"}, "https://shop.example:443/a/b?c=d"),
        ({"Host": "www.#{host}", "Path": "/new/#{path}"}, "http://www.shop.example:80/new/a/b?c=d"),
        ({"Query": "from=#{protocol}&#{query}&port=#{port}"}, "http://shop.example:80/a/b?from=http&c=d&port=80"),
        ({"Query": ""}, "http://shop.example:80/a/b"),
        ({"Path": "/#{host}/#{unknown}"}, "http://shop.example:80/shop.example/#{unknown}?c=d"),
    ],
)
def test_redirects(configuration: dict[str, Any], leads: str) -> None:
    assert location(configuration, _request("/a/b", "c=d"), "HTTP", 80) == leads
