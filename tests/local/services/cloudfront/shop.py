"""A site with functions, an API and a second origin, and a browser that asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from cdp_constructs.local import LocalCloud
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

FILES = ("index.html", "a b.txt", "either/page.txt")


class Browser:
    """Asks by names under localhost; Python does not resolve them, so they travel in the Host header."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self._cloud = cloud
        self.outputs = outputs
        self.page = cloud.browser_url(SHOP)

    def ask(self, method: str, url: str, **headers: str) -> httpx.Response:
        local = httpx.URL(self._cloud.browser_url(url))
        address = f"{self._cloud.endpoint}{local.raw_path.decode()}"
        # The first request to a function waits for its start.
        return httpx.request(method, address, headers={"Host": local.netloc.decode(), **headers}, timeout=60)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", f"{SHOP}{path}", **headers)


@contextmanager
def opened(cloud: LocalCloud, stacks: Any) -> Iterator[Browser]:
    """Deploy the shop with its files, and return a browser."""
    outputs = stacks.deploy(TEMPLATE)
    s3 = cloud.client("s3")
    for key in FILES:
        s3.put_object(Bucket=outputs["Site"], Key=key, Body=key.encode())
    yield Browser(cloud, outputs)
    for key in FILES:
        s3.delete_object(Bucket=outputs["Site"], Key=key)
