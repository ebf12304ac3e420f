"""What CacheDistribution serves, and what it keeps to itself, on the embedded cloud."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3

from cdp_constructs import CacheDistribution
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture

REGION = "us-east-1"


@architecture
def news_site(stack: Stack) -> None:
    pages, pictures = (
        s3.Bucket(
            stack,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        for name in ("Pages", "Pictures")
    )
    news = CacheDistribution(stack, "News", origin=origins.S3BucketOrigin.with_origin_access_control(pages))
    news.add_behavior("/pictures/*", origins.S3BucketOrigin.with_origin_access_control(pictures))
    CfnOutput(stack, "Domain", value=news.domain_name)
    CfnOutput(stack, "PagesBucket", value=pages.bucket_name)
    CfnOutput(stack, "PicturesBucket", value=pictures.bucket_name)


@pytest.fixture(scope="module")
def outputs(deployed: Callable[[Callable[..., Any]], Deployment]) -> dict[str, str]:
    (found,) = deployed(news_site).outputs.values()
    return found


def get(cloud: LocalCloud, url: str) -> httpx.Response:
    """Ask as a browser does, which resolves names under localhost."""
    local = httpx.URL(cloud.browser_url(url))
    raw = local.raw_path.decode()
    return httpx.get(f"{cloud.endpoint}{raw}", headers={"Host": local.netloc.decode()})


def test_each_path_has_its_origin_and_a_bucket_answers_the_distribution_only(
    outputs: dict[str, str], local_cloud: LocalCloud
) -> None:
    s3_client = local_cloud.client("s3", REGION)
    s3_client.put_object(Bucket=outputs["PagesBucket"], Key="today.html", Body=b"<p>Rain</p>")
    s3_client.put_object(
        Bucket=outputs["PicturesBucket"], Key="pictures/rain.png", Body=b"png", ContentType="image/png"
    )
    page = get(local_cloud, f"https://{outputs['Domain']}/today.html")
    assert (page.status_code, page.text) == (200, "<p>Rain</p>")
    assert get(local_cloud, f"https://{outputs['Domain']}/pictures/rain.png").content == b"png"
    # The picture is not in the bucket of the pages, and nobody reads a bucket without CloudFront.
    assert get(local_cloud, f"https://{outputs['Domain']}/rain.png").status_code in {403, 404}
    direct = httpx.get(f"{local_cloud.endpoint}/{outputs['PagesBucket']}/today.html")
    assert direct.status_code == 403


def test_answers_have_the_headers_that_protect_a_browser(outputs: dict[str, str], local_cloud: LocalCloud) -> None:
    headers = get(local_cloud, f"https://{outputs['Domain']}/today.html").headers
    assert "max-age" in headers["strict-transport-security"]
    assert headers["x-content-type-options"] == "nosniff"
