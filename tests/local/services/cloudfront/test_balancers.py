"""CloudFront in front of a load balancer: how it is reached, and which answers are kept."""

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.elbv2.servers import balancer, forward, group, listener

ORIGIN, WRONG, DOMAIN = "origin.rooms.example.com", "wrong.rooms.example.com", "rooms.example.com"
DISABLED, ALL_BUT_HOST = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"


class Rooms(ThreadingHTTPServer):
    """Counts the requests for each path; the parameter `keep` of the query is its Cache-Control."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: Counter[str] = Counter()
        self.seconds = 0.0
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Answers(BaseHTTPRequestHandler):
    server: Rooms

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.server.asked[parts.path] += 1
        time.sleep(self.server.seconds)
        told = {"count": self.server.asked[parts.path], "headers": dict(self.headers), "method": self.command}
        answer = json.dumps(told).encode()
        self.send_response(int(query.get("status", ["200"])[0]))
        for value in query.get("keep", []):
            self.send_header("Cache-Control", value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815 - http.server looks for these names

    def log_message(self, *_arguments: object) -> None:
        pass


def _origin(name: str) -> dict[str, Any]:
    custom = {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]}
    return {"Id": name, "DomainName": name, "CustomOriginConfig": custom}


def _behavior(origin: str, policy: Any, **properties: Any) -> dict[str, Any]:
    return {"TargetOriginId": origin, "CachePolicyId": policy, "ViewerProtocolPolicy": "https-only", **properties}


def _record(name: str) -> dict[str, Any]:
    to = {
        "DNSName": {"Fn::Join": ["", ["dualstack.", {"Fn::GetAtt": ["Balancer", "DNSName"]}]]},
        "HostedZoneId": {"Fn::GetAtt": ["Balancer", "CanonicalHostedZoneID"]},
    }
    properties = {"HostedZoneId": {"Ref": "Zone"}, "Name": f"{name}.", "Type": "A", "AliasTarget": to}
    return {"Type": "AWS::Route53::RecordSet", "Properties": properties}


def _template(port: int) -> dict[str, Any]:
    certificate = {"DomainName": ORIGIN, "ValidationMethod": "DNS"}
    policy = {
        "Name": f"page-{secrets.token_hex(4)}",
        "MinTTL": 0,
        "DefaultTTL": 60,
        "MaxTTL": 1,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": True,
            "CookiesConfig": {"CookieBehavior": "none"},
            "HeadersConfig": {"HeaderBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "whitelist", "QueryStrings": ["keep", "status", "page"]},
        },
    }
    every = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
    config = {
        "Enabled": True,
        "Origins": [_origin(ORIGIN), _origin(WRONG)],
        "DefaultCacheBehavior": _behavior(ORIGIN, DISABLED, OriginRequestPolicyId=ALL_BUT_HOST, AllowedMethods=every),
        "CacheBehaviors": [
            _behavior(ORIGIN, {"Ref": "Policy"}, PathPattern="/page/*"),
            _behavior(WRONG, DISABLED, PathPattern="/wrong/*"),
        ],
    }
    return {
        "Resources": {
            "Zone": {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": DOMAIN}},
            "Certificate": {"Type": "AWS::CertificateManager::Certificate", "Properties": certificate},
            "Balancer": balancer(Scheme="internet-facing"),
            "Targets": group(port),
            "Listener": listener(
                forward("Targets"),
                Port=443,
                Protocol="HTTPS",
                Certificates=[{"CertificateArn": {"Ref": "Certificate"}}],
            ),
            "Record": _record(ORIGIN),
            "WrongRecord": _record(WRONG),
            "Policy": {"Type": "AWS::CloudFront::CachePolicy", "Properties": {"CachePolicyConfig": policy}},
            "Distribution": {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": config}},
        },
        "Outputs": {
            "Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}},
            "Id": {"Value": {"Ref": "Distribution"}},
        },
    }


class Site:
    """The distribution, and the servers behind its load balancer."""

    def __init__(self, cloud: LocalCloud, rooms: Rooms, outputs: dict[str, str]) -> None:
        self.cloud, self.rooms, self.outputs = cloud, rooms, outputs
        self._url = cloud.distribution_url(outputs["Domain"])

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        return httpx.request(method, f"{self._url}{path}", headers=headers, timeout=20)

    def count(self, path: str, **headers: str) -> int:
        return int(self.ask(path, **headers).json()["count"])


@pytest.fixture(scope="module")
def site(cloud: LocalCloud, stacks: Any) -> Iterator[Site]:
    with Rooms() as rooms:
        yield Site(cloud, rooms, stacks.deploy(_template(rooms.server_address[1])))
        rooms.shutdown()


def test_a_load_balancer_is_reached_by_its_name_with_method_and_headers_of_the_viewer(site: Site) -> None:
    answer = site.ask("/messages", "POST", Authorization="Bearer token", Cookie="a=b")
    seen = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert (answer.status_code, answer.json()["method"]) == (200, "POST")
    assert (seen["authorization"], seen["cookie"], seen["host"]) == ("Bearer token", "a=b", ORIGIN)
    assert seen["x-forwarded-proto"] == "https"


def test_a_load_balancer_without_a_certificate_for_the_name_is_not_reached(site: Site) -> None:
    assert site.ask("/wrong/page").status_code == 502


def test_an_answer_is_kept_for_the_longest_time_of_the_policy_and_for_each_path(site: Site) -> None:
    first = site.ask("/page/a?keep=s-maxage%3D60")
    again = site.ask("/page/a?keep=s-maxage%3D60", Authorization="other", Cookie="other=1")
    assert (first.headers["x-cache"], again.headers["x-cache"]) == ("Miss from cloudfront", "Hit from cloudfront")
    assert (first.json()["count"], again.json()["count"], again.headers["age"]) == (1, 1, "0")
    assert site.count("/page/b?keep=s-maxage%3D60") == 1, "another path is another answer"
    time.sleep(1.1)
    assert site.count("/page/a?keep=s-maxage%3D60") == 2


def test_what_the_policy_names_tells_answers_apart_and_nothing_else_does(site: Site) -> None:
    assert [site.count(f"/page/c?keep=max-age%3D9&page={page}&x={page}") for page in "12"] == [1, 2]
    assert site.count("/page/c?keep=max-age%3D9&page=1&x=3") == 1


@pytest.mark.parametrize("query", ["", "?keep=no-store", "?keep=private,+max-age%3D9", "?keep=max-age%3D9&status=404"])
def test_what_has_no_lifetime_is_not_kept(site: Site, query: str) -> None:
    path = f"/page/{secrets.token_hex(4)}{query}"
    assert [site.count(path), site.count(path)] == [1, 2]


def test_of_many_requests_at_once_one_asks_the_origin(site: Site) -> None:
    site.rooms.seconds = 0.3
    try:
        with ThreadPoolExecutor(8) as readers:
            counts = list(readers.map(lambda _: site.count("/page/d?keep=max-age%3D1"), range(8)))
    finally:
        site.rooms.seconds = 0
    assert counts == [1] * 8


def test_an_invalidation_forgets_what_is_below_a_path(site: Site) -> None:
    assert site.count("/page/e?keep=max-age%3D9") == 1
    batch = {"Paths": {"Quantity": 1, "Items": ["/page/e*"]}, "CallerReference": secrets.token_hex(8)}
    site.cloud.client("cloudfront").create_invalidation(DistributionId=site.outputs["Id"], InvalidationBatch=batch)
    assert site.count("/page/e?keep=max-age%3D9") == 2
