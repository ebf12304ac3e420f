"""CloudFront: origin access control, response headers, host names and redirects."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.cloudfront.site import TEMPLATE, Site


@pytest.fixture(scope="module")
def site(cloud: LocalCloud, stacks: Any) -> Iterator[Site]:
    outputs = stacks.deploy(TEMPLATE)
    s3 = cloud.client("s3")
    objects = ("private/cat.jpg", "private/a b.jpg", "public/logo.svg")
    for key in objects:
        s3.put_object(Bucket=outputs["Bucket"], Key=key, Body=key.encode())
    yield Site(cloud, outputs)
    for key in objects:
        s3.delete_object(Bucket=outputs["Bucket"], Key=key)


def test_public_behaviour_reads_the_private_bucket_with_security_headers(cloud: LocalCloud, site: Site) -> None:
    answer = site.get(f"{site.url}/public/logo.svg")
    assert (answer.status_code, answer.text) == (200, "public/logo.svg")
    assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert httpx.get(f"{cloud.endpoint}/{site.outputs['Bucket']}/public/logo.svg").status_code == 403


def test_plain_http_is_redirected(site: Site) -> None:
    answer = site.get(f"{site.url}/private/cat.jpg", headers={"X-Forwarded-Proto": "http"})
    assert (answer.status_code, answer.headers["location"]) == (301, f"{site.url}/private/cat.jpg")


def test_a_distribution_answers_to_its_host_and_its_alias(cloud: LocalCloud, site: Site) -> None:
    by_host = httpx.get(f"{cloud.endpoint}/public/logo.svg", headers={"Host": site.outputs["Domain"]})
    assert by_host.text == "public/logo.svg"
    assert site.get("https://cdn.example.com/public/logo.svg").text == "public/logo.svg"
    assert site.get("https://other.example.com/public/logo.svg").status_code == 404


def test_another_distribution_cannot_read_the_bucket(site: Site, stacks: Any) -> None:
    thief = {
        "Resources": {
            "Access": {
                "Type": "AWS::CloudFront::OriginAccessControl",
                "Properties": {
                    "OriginAccessControlConfig": {
                        "Name": "thief",
                        "OriginAccessControlOriginType": "s3",
                        "SigningBehavior": "always",
                        "SigningProtocol": "sigv4",
                    }
                },
            },
            "Distribution": {
                "Type": "AWS::CloudFront::Distribution",
                "Properties": {
                    "DistributionConfig": {
                        "Enabled": True,
                        "DefaultCacheBehavior": {"TargetOriginId": "bucket", "ViewerProtocolPolicy": "allow-all"},
                        "Origins": [
                            {
                                "Id": "bucket",
                                "DomainName": f"{site.outputs['Bucket']}.s3.us-east-1.amazonaws.com",
                                "S3OriginConfig": {"OriginAccessIdentity": ""},
                                "OriginAccessControlId": {"Ref": "Access"},
                            }
                        ],
                    }
                },
            },
        },
        "Outputs": {"Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}}},
    }
    domain = stacks.deploy(thief)["Domain"]
    assert site.get(f"https://{domain}/public/logo.svg").status_code == 403
