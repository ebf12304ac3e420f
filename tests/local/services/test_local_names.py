"""Browsers: names under localhost stand for names on AWS; distributions with functions, APIs and a second origin."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.local_names import with_local_sources
from tests.local.resources import role

SHOP = "https://shop.example.com"
CACHED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
UNCACHED, ALL_BUT_HOST = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"

ECHO = """
import json
def handler(event, context):
    seen = {"path": event["rawPath"], "query": event["rawQueryString"], "headers": event["headers"]}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(seen)}
"""
ON_REQUEST = """
import cf from 'crypto';
async function handler(event) {
  const request = event.request;
  if (request.uri === "/old") {
    return { statusCode: 301, statusDescription: "Moved", headers: { location: { value: "/new" } } };
  }
  if (request.uri === "/broken") throw new Error("broken");
  request.uri = request.uri.replace("/api", "");
  return request;
}
"""
ON_RESPONSE = """
function handler(event) {
  event.response.headers["x-seen"] = { value: event.request.uri };
  return event.response;
}
"""


def function(name: str, code: str) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudFront::Function",
        "Properties": {
            "Name": name,
            "AutoPublish": True,
            "FunctionCode": code,
            "FunctionConfig": {"Comment": name, "Runtime": "cloudfront-js-2.0"},
        },
    }


def bucket_policy(bucket: str, *, listing: bool) -> dict[str, Any]:
    arn = {"Fn::GetAtt": [bucket, "Arn"]}
    ours = {"Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Distribution}"}
    statements = [("s3:GetObject", {"Fn::Join": ["", [arn, "/*"]]}), *([("s3:ListBucket", arn)] if listing else [])]
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {
            "Bucket": {"Ref": bucket},
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": action,
                        "Principal": {"Service": "cloudfront.amazonaws.com"},
                        "Resource": resource,
                        "Condition": {"StringEquals": {"AWS:SourceArn": ours}},
                    }
                    for action, resource in statements
                ],
            },
        },
    }


def bucket_origin(bucket: str) -> dict[str, Any]:
    return {
        "Id": bucket,
        "DomainName": {"Fn::GetAtt": [bucket, "RegionalDomainName"]},
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": {"Fn::GetAtt": ["Access", "Id"]},
    }


def behavior(origin: str, *functions: str, **options: Any) -> dict[str, Any]:
    return {
        "TargetOriginId": origin,
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": CACHED,
        "FunctionAssociations": [
            {
                "EventType": "viewer-request" if name == "OnRequest" else "viewer-response",
                "FunctionARN": {"Fn::GetAtt": [name, "FunctionARN"]},
            }
            for name in functions
        ],
        **options,
    }


BUCKET = {
    "Type": "AWS::S3::Bucket",
    "Properties": {
        "CorsConfiguration": {"CorsRules": [{"AllowedOrigins": [SHOP], "AllowedMethods": ["GET"], "MaxAge": 60}]}
    },
}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Site": BUCKET,
        "SitePolicy": bucket_policy("Site", listing=True),
        "Unlisted": BUCKET,
        "UnlistedPolicy": bucket_policy("Unlisted", listing=False),
        "Access": {
            "Type": "AWS::CloudFront::OriginAccessControl",
            "Properties": {
                "OriginAccessControlConfig": {
                    "Name": "browsers",
                    "OriginAccessControlOriginType": "s3",
                    "SigningBehavior": "always",
                    "SigningProtocol": "sigv4",
                }
            },
        },
        "OnRequest": function("on-request", ON_REQUEST),
        "OnResponse": function("on-response", ON_RESPONSE),
        "Role": role(),
        "Echo": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.14",
                "Handler": "index.handler",
                "Code": {"ZipFile": ECHO},
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Echo"},
                "Principal": "apigateway.amazonaws.com",
            },
        },
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": "shop",
                "ProtocolType": "HTTP",
                "CorsConfiguration": {"AllowOrigins": [SHOP], "AllowMethods": ["GET"], "AllowHeaders": ["x-cart"]},
            },
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
        },
        "Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": {"Fn::GetAtt": ["Echo", "Arn"]},
                "PayloadFormatVersion": "2.0",
            },
        },
        "Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": "GET /{path+}",
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]},
            },
        },
        "Distribution": {
            "Type": "AWS::CloudFront::Distribution",
            "Properties": {
                "DistributionConfig": {
                    "Enabled": True,
                    "Aliases": ["shop.example.com"],
                    "DefaultRootObject": "index.html",
                    "DefaultCacheBehavior": behavior("Site", "OnRequest", "OnResponse"),
                    "CacheBehaviors": [
                        behavior(
                            "Api",
                            "OnRequest",
                            PathPattern="/api/*",
                            CachePolicyId=UNCACHED,
                            OriginRequestPolicyId=ALL_BUT_HOST,
                        ),
                        behavior("Unlisted", PathPattern="/unlisted/*"),
                        behavior("Either", PathPattern="/either/*"),
                    ],
                    "Origins": [
                        bucket_origin("Site"),
                        bucket_origin("Unlisted"),
                        {
                            "Id": "Api",
                            "DomainName": {
                                "Fn::Sub": "${Api}.execute-api.${AWS::Region}.amazonaws.com",
                            },
                            "CustomOriginConfig": {"OriginProtocolPolicy": "https-only"},
                        },
                        {
                            "Id": "Gone",
                            "DomainName": "gone.execute-api.us-east-1.amazonaws.com",
                            "CustomOriginConfig": {"OriginProtocolPolicy": "https-only"},
                        },
                    ],
                    "OriginGroups": {
                        "Quantity": 1,
                        "Items": [
                            {
                                "Id": "Either",
                                "FailoverCriteria": {"StatusCodes": {"Quantity": 2, "Items": [404, 503]}},
                                "Members": {"Quantity": 2, "Items": [{"OriginId": "Gone"}, {"OriginId": "Site"}]},
                            }
                        ],
                    },
                }
            },
        },
    },
    "Outputs": {
        "Site": {"Value": {"Ref": "Site"}},
        "Unlisted": {"Value": {"Ref": "Unlisted"}},
        "Api": {"Value": {"Ref": "Api"}},
        "Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}},
    },
}


class Browser:
    """Asks by names under localhost; Python does not resolve them, so they travel in the Host header."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self._cloud = cloud
        self.outputs = outputs
        self.page = cloud.browser_url(SHOP)

    def ask(self, method: str, url: str, **headers: str) -> httpx.Response:
        local = httpx.URL(self._cloud.browser_url(url))
        address = f"{self._cloud.endpoint}{local.raw_path.decode()}"
        return httpx.request(method, address, headers={"Host": local.netloc.decode(), **headers})

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", f"{SHOP}{path}", **headers)


@pytest.fixture(scope="module")
def browser(cloud: LocalCloud, stacks: Any) -> Iterator[Browser]:
    outputs = stacks.deploy(TEMPLATE)
    s3 = cloud.client("s3")
    for key in ("index.html", "a b.txt", "either/page.txt"):
        s3.put_object(Bucket=outputs["Site"], Key=key, Body=key.encode())
    yield Browser(cloud, outputs)
    for key in ("index.html", "a b.txt", "either/page.txt"):
        s3.delete_object(Bucket=outputs["Site"], Key=key)


# --- Distributions ---------------------------------------------------------------------------------------------------


def test_a_distribution_answers_to_the_local_names_of_its_domain_and_alias(browser: Browser) -> None:
    for url in (SHOP, f"https://{browser.outputs['Domain']}"):
        assert browser.ask("GET", f"{url}/a%20b.txt").text == "a b.txt"
        assert browser.ask("GET", url).text == "index.html", "the default root object"


def test_functions_change_requests_and_answers_and_answer_themselves(browser: Browser) -> None:
    moved = browser.get("/old")
    assert (moved.status_code, moved.headers["location"]) == (301, "/new")
    assert browser.get("/index.html").headers["x-seen"] == "/index.html"
    assert browser.get("/broken").status_code == 503


def test_a_missing_object_is_404_only_where_the_bucket_may_be_listed(browser: Browser) -> None:
    assert browser.get("/none.txt").status_code == 404
    assert browser.get("/unlisted/none.txt").status_code == 403


def test_an_api_of_this_cloud_answers_behind_a_distribution(browser: Browser) -> None:
    answer = browser.get("/api/carts/7%2F8?x=1&x=2", Authorization="Bearer token", Cookie="a=b")
    seen = answer.json()
    assert (answer.status_code, seen["path"], seen["query"]) == (200, "/carts/7/8", "x=1&x=2")
    assert seen["headers"]["authorization"] == "Bearer token"
    assert seen["headers"]["host"].endswith(".execute-api.us-east-1.amazonaws.com"), (
        "the origin's own, not the viewer's"
    )


def test_a_second_origin_answers_when_the_first_one_fails(browser: Browser) -> None:
    assert browser.get("/either/page.txt").text == "either/page.txt"
    assert browser.get("/either/none.txt").status_code == 404, "of the last one"


# --- Names and origins -----------------------------------------------------------------------------------------------


def test_hosts_of_aws_have_local_names(browser: Browser) -> None:
    api = f"https://{browser.outputs['Api']}.execute-api.us-east-1.amazonaws.com"
    assert browser.ask("GET", f"{api}/carts").json()["path"] == "/carts"
    listed = browser.ask("GET", f"https://{browser.outputs['Site']}.s3.us-east-1.amazonaws.com/index.html")
    assert listed.status_code == 403, "the bucket answers without listing"
    target = "AWSCognitoIdentityProviderService.GetUser"
    sign_in = browser.ask("POST", "https://cognito-idp.us-east-1.amazonaws.com/", **{"X-Amz-Target": target})
    assert "__type" in sign_in.json()
    assert browser.ask("GET", "https://nobody.example.com/").status_code != 200


@pytest.mark.parametrize("service", ["api", "bucket"])
def test_an_allowed_origin_is_allowed_under_its_local_name(browser: Browser, service: str) -> None:
    url = {
        "api": f"https://{browser.outputs['Api']}.execute-api.us-east-1.amazonaws.com/carts",
        "bucket": f"https://{browser.outputs['Site']}.s3.us-east-1.amazonaws.com/index.html",
    }[service]
    asked = {"Access-Control-Request-Method": "GET"}
    for origin, allowed in ((browser.page, browser.page), (f"http://{browser.outputs['Domain']}.localhost", None)):
        answer = browser.ask("OPTIONS", url, Origin=origin, **asked)
        assert answer.headers.get("access-control-allow-origin") == allowed
    if service == "api":
        assert browser.ask("GET", url, Origin=browser.page).headers["access-control-allow-origin"] == browser.page


def test_an_origin_on_aws_is_what_services_see(browser: Browser) -> None:
    answer = browser.get("/api/carts", Origin=browser.page)
    assert answer.json()["headers"]["origin"] == SHOP


def test_websockets_reach_the_host_too(cloud: LocalCloud) -> None:
    local = cloud.browser_url("wss://unknown.execute-api.us-east-1.amazonaws.com/live")
    assert local == f"ws://unknown.execute-api.us-east-1.amazonaws.com.localhost:{httpx.URL(cloud.endpoint).port}/live"
    with pytest.raises(InvalidStatus), connect(local, sock=_socket(cloud), proxy=None):
        pass


def _socket(cloud: LocalCloud) -> socket.socket:
    return socket.create_connection(("127.0.0.1", httpx.URL(cloud.endpoint).port or 80))


def test_policies_of_pages_allow_the_local_names_of_what_they_allow() -> None:
    policy = "default-src 'self'; connect-src 'self' https://*.example.com wss://a.example.com/x; img-src data:"
    assert with_local_sources(policy, 80) == (
        "default-src 'self'; connect-src 'self' https://*.example.com http://*.example.com.localhost:80 "
        "http://127.0.0.1:80 wss://a.example.com/x ws://a.example.com.localhost:80/x ws://127.0.0.1:80; img-src data:"
    )


def test_names_that_ministack_chose_lack_only_the_scheme(cloud: LocalCloud) -> None:
    assert cloud.browser_url("wss://x.localhost:80/event") == "ws://x.localhost:80/event"
    policy = "connect-src wss://x.localhost:80/event"
    assert with_local_sources(policy, 80) == f"{policy} ws://x.localhost:80/event ws://127.0.0.1:80"


def test_local_addresses_stay_as_they_are(cloud: LocalCloud) -> None:
    assert cloud.browser_url(f"{cloud.endpoint}/x?y#z") == f"{cloud.endpoint}/x?y#z"
    port = httpx.URL(cloud.endpoint).port
    assert cloud.browser_url("https://a.example.com/x?y#z") == f"http://a.example.com.localhost:{port}/x?y#z"
