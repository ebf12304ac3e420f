"""CloudFront: pages for errors of origins that do not answer, and how long errors are kept."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
HOUR = 3600


def _distribution(port: int, **error: Any) -> dict[str, Any]:
    behavior = {"TargetOriginId": "server", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": CACHING_DISABLED}
    bucket = {"Id": "bucket", "DomainName": {"Fn::GetAtt": ["Bucket", "RegionalDomainName"]}}
    pages = {**behavior, "PathPattern": "/errors/*", "TargetOriginId": "bucket"}
    return {
        "Type": "AWS::CloudFront::Distribution",
        "Properties": {
            "DistributionConfig": {
                "Enabled": True,
                "Origins": [
                    {
                        "Id": "server",
                        "DomainName": "localhost",
                        "CustomOriginConfig": {"OriginProtocolPolicy": "http-only", "HTTPPort": port},
                    },
                    {
                        **bucket,
                        "OriginAccessControlId": {"Fn::GetAtt": ["Control", "Id"]},
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    },
                ],
                "DefaultCacheBehavior": behavior,
                "CacheBehaviors": [{**pages, "ResponseHeadersPolicyId": {"Ref": "Headers"}}],
                "CustomErrorResponses": [error] if error else [],
            }
        },
    }


@pytest.fixture(scope="module")
def port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
    return number


@pytest.fixture(scope="module")
def sites(cloud: LocalCloud, stacks: Any, port: int) -> dict[str, str]:
    control = {
        "Name": "signs",
        "OriginAccessControlOriginType": "s3",
        "SigningBehavior": "always",
        "SigningProtocol": "sigv4",
    }
    read = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
    }
    custom = {"Items": [{"Header": "Retry-After", "Value": "7", "Override": True}]}
    page = {"ErrorCode": 502, "ResponseCode": 503, "ResponsePagePath": "/errors/away.html"}
    names = ("Asking", "Keeping", "Plain")
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Bucket": {"Type": "AWS::S3::Bucket"},
                "Policy": {
                    "Type": "AWS::S3::BucketPolicy",
                    "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [read]}},
                },
                "Control": {
                    "Type": "AWS::CloudFront::OriginAccessControl",
                    "Properties": {"OriginAccessControlConfig": control},
                },
                "Headers": {
                    "Type": "AWS::CloudFront::ResponseHeadersPolicy",
                    "Properties": {"ResponseHeadersPolicyConfig": {"Name": "away", "CustomHeadersConfig": custom}},
                },
                "Asking": _distribution(port, **page, ErrorCachingMinTTL=0),
                "Keeping": _distribution(port, **page, ErrorCachingMinTTL=HOUR),
                "Plain": _distribution(port),
            },
            "Outputs": {
                "Bucket": {"Value": {"Ref": "Bucket"}},
                "KeepingId": {"Value": {"Ref": "Keeping"}},
                **{name: {"Value": {"Fn::GetAtt": [name, "DomainName"]}} for name in names},
            },
        }
    )
    cloud.client("s3").put_object(Bucket=outputs["Bucket"], Key="errors/away.html", Body=b"away")
    return outputs


@pytest.fixture
def get(cloud: LocalCloud, sites: dict[str, str]) -> Any:
    return lambda site, path: httpx.get(cloud.distribution_url(sites[site]) + path)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_arguments: Any) -> None:
        """Keep the test's output clean."""


@contextmanager
def serving(port: int) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", port), _Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield
        server.shutdown()


def test_an_origin_that_is_not_reached_has_the_page_of_502_with_the_headers_of_its_path(get: Any) -> None:
    answer = get("Asking", "/page")
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (503, "away", "7")


def test_without_a_page_it_is_an_error_of_cloudfront(get: Any) -> None:
    answer = get("Plain", "/page")
    assert (answer.status_code, "retry-after" in answer.headers) == (502, False)


def test_an_error_that_is_not_kept_ends_with_its_cause(get: Any, port: int) -> None:
    assert get("Asking", "/back").status_code == 503
    with serving(port):
        assert get("Asking", "/back").text == "ok"


def test_an_error_is_kept_until_it_is_invalidated(
    get: Any, port: int, cloud: LocalCloud, sites: dict[str, str]
) -> None:
    assert get("Keeping", "/back").status_code == 503
    with serving(port):
        assert get("Keeping", "/back").status_code == 503
        assert get("Keeping", "/other").text == "ok"
        cloud.client("cloudfront").create_invalidation(
            DistributionId=sites["KeepingId"],
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/ba*"]}, "CallerReference": "back"},
        )
        assert get("Keeping", "/back").text == "ok"
