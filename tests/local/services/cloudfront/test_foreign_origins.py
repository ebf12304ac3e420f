"""CloudFront: function URLs behind an origin access control, and website endpoints of buckets."""

from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import arn, function, role

CODE = """
def handler(event, context):
    return {"statusCode": 200, "body": event["rawPath"] + "?" + event["rawQueryString"]}
"""
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


def _distribution(**origin: Any) -> dict[str, Any]:
    behavior = {
        "TargetOriginId": "origin",
        "ViewerProtocolPolicy": "allow-all",
        "CachePolicyId": CACHING_DISABLED,
        "OriginRequestPolicyId": ALL_BUT_HOST,
        "AllowedMethods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
    }
    return {
        "Type": "AWS::CloudFront::Distribution",
        "Properties": {
            "DistributionConfig": {
                "Enabled": True,
                "Origins": [{"Id": "origin", **origin}],
                "DefaultCacheBehavior": behavior,
            }
        },
    }


def _host(of: str, attribute: str) -> dict[str, Any]:
    return {"Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": [of, attribute]}]}]}


def _url(of: str) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "AWS_IAM", "TargetFunctionArn": arn(of)}}


def _signed(url: str) -> dict[str, Any]:
    return _distribution(
        DomainName=_host(url, "FunctionUrl"),
        OriginAccessControlId={"Fn::GetAtt": ["Control", "Id"]},
        CustomOriginConfig={"OriginProtocolPolicy": "https-only"},
    )


@pytest.fixture(scope="module")
def sites(cloud: LocalCloud, stacks: Any) -> dict[str, str]:
    control = {
        "Name": "signs",
        "OriginAccessControlOriginType": "lambda",
        "SigningBehavior": "always",
        "SigningProtocol": "sigv4",
    }
    source = {"Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Allowed}"}
    listed = {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": arn("Bucket")}
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "${Bucket.Arn}/*"}}
    rule = {
        "RoutingRuleCondition": {"KeyPrefixEquals": "old/"},
        "RedirectRule": {"ReplaceKeyPrefixWith": "docs/", "HostName": "example.com", "Protocol": "https"},
    }
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Role": role(),
                "Function": function(CODE, "Role"),
                "Other": function(CODE, "Role"),
                "Url": _url("Function"),
                "OtherUrl": _url("Other"),
                "Control": {
                    "Type": "AWS::CloudFront::OriginAccessControl",
                    "Properties": {"OriginAccessControlConfig": control},
                },
                "Allowed": _signed("Url"),
                "Refused": _signed("OtherUrl"),
                "Permission": {
                    "Type": "AWS::Lambda::Permission",
                    "Properties": {
                        "Action": "lambda:InvokeFunctionUrl",
                        "FunctionName": arn("Function"),
                        "Principal": "cloudfront.amazonaws.com",
                        "SourceArn": source,
                    },
                },
                "Bucket": {
                    "Type": "AWS::S3::Bucket",
                    "Properties": {
                        "WebsiteConfiguration": {
                            "IndexDocument": "index.html",
                            "ErrorDocument": "none.html",
                            "RoutingRules": [rule],
                        },
                        "PublicAccessBlockConfiguration": {"BlockPublicPolicy": False, "RestrictPublicBuckets": False},
                    },
                },
                "Policy": {
                    "Type": "AWS::S3::BucketPolicy",
                    "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [public, listed]}},
                },
                "Website": _distribution(
                    DomainName=_host("Bucket", "WebsiteURL"),
                    CustomOriginConfig={"OriginProtocolPolicy": "http-only"},
                ),
            },
            "Outputs": {
                "Bucket": {"Value": {"Ref": "Bucket"}},
                **{name: {"Value": {"Fn::GetAtt": [name, "DomainName"]}} for name in ("Allowed", "Refused", "Website")},
            },
        }
    )
    s3 = cloud.client("s3")
    for key, text in {"docs/index.html": "home", "page.html": "page", "none.html": "no such page"}.items():
        s3.put_object(Bucket=outputs["Bucket"], Key=key, Body=text.encode(), ContentType="text/html")
    return outputs


@pytest.fixture
def get(cloud: LocalCloud, sites: dict[str, str]) -> Any:
    return lambda site, path, **options: httpx.request(
        options.pop("method", "GET"), cloud.distribution_url(sites[site]) + path, **options
    )


def test_a_function_url_answers_the_distribution_that_its_policy_names(get: Any) -> None:
    answer = get("Allowed", "/a/b?c=d")
    assert (answer.status_code, answer.text) == (200, "/a/b?c=d")


def test_a_distribution_that_the_policy_does_not_name_is_refused(get: Any) -> None:
    assert get("Refused", "/").status_code == 403


def test_a_request_with_a_body_needs_the_hash_of_it(get: Any) -> None:
    assert get("Allowed", "/", method="POST", content=b"body").status_code == 403
    signed = get("Allowed", "/", method="POST", content=b"body", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    assert signed.status_code == 200


def test_a_website_has_index_and_error_documents_and_redirections(get: Any) -> None:
    assert get("Website", "/page.html").text == "page"
    assert get("Website", "/docs/").text == "home"
    below = get("Website", "/docs")
    assert (below.status_code, below.headers["location"]) == (302, "/docs/")
    missing = get("Website", "/nothing")
    assert (missing.status_code, missing.text) == (404, "no such page")
    moved = get("Website", "/old/page.html")
    assert (moved.status_code, moved.headers["location"]) == (301, "https://example.com/docs/page.html")
    assert get("Website", "/page.html", method="POST").status_code == 405


def test_an_origin_is_described_with_what_the_template_leaves_out(cloud: LocalCloud, sites: dict[str, str]) -> None:
    client = cloud.client("cloudfront")
    listed = client.list_distributions()["DistributionList"]["Items"]
    [found] = [each["Id"] for each in listed if each["DomainName"] == sites["Website"]]
    [origin] = client.get_distribution_config(Id=found)["DistributionConfig"]["Origins"]["Items"]
    described = origin["CustomOriginConfig"]
    assert (described["HTTPPort"], described["HTTPSPort"]) == (80, 443)
    assert (described["OriginReadTimeout"], described["OriginKeepaliveTimeout"]) == (30, 5)
