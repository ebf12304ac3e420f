"""A site on the embedded cloud: read by browsers under local names, released again, and without its first Region."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from cdp_constructs import AuthorizedApi, DirectHosting, SignInUserPool
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from docs.examples.direct_hosting import SITE

Deploy = Callable[[Callable[..., Any]], Deployment]

HOME, AWAY = "ap-northeast-1", "us-west-2"
FAILOVER_BUCKET = "direct-hosting-failover"
STACK = "DirectHostingBehaviour"
ECHO = """
import json
def handler(event, context):
    http = event["requestContext"]["http"]
    return {
        "statusCode": 418 if "teapot" in event["rawPath"] else 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"path": event["rawPath"], "method": http["method"], "query": event["rawQueryString"],
            "body": event.get("body"), "user": event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]}),
    }
"""
PASSWORD = "Correct-horse-9!"


def build(stack: Stack, folder: Path) -> None:
    """Build the site in its Region, reading also a bucket of the other one."""
    echo = lambda_.Function(
        stack,
        "Echo",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(ECHO),
    )
    users = SignInUserPool(
        stack, "Users", auth_flows=cognito.AuthFlow(user_password=True), removal_policy=RemovalPolicy.DESTROY
    )
    api = AuthorizedApi(stack, "Api", allowed_origins=["https://shop.example.com"], issuer=users.issuer)
    api.add_routes(["ANY /{path+}"], echo)
    web = DirectHosting(
        stack,
        "Web",
        failover_bucket=s3.Bucket.from_bucket_attributes(stack, "There", bucket_name=FAILOVER_BUCKET, region=AWAY),
        content_security_policy={"connect-src": [f"https://{api.api.api_id}.execute-api.{HOME}.amazonaws.com"]},
    )
    web.add_site(folder)
    web.add_configuration({"apis": [{"region": HOME, "url": api.api.api_endpoint}]})
    web.add_api(api.api)
    # Without a CORS rule: its own address is closed to pages.
    uploads = s3.Bucket(stack, "Uploads", block_public_access=s3.BlockPublicAccess.BLOCK_ALL)
    web.add_uploads(uploads)
    CfnOutput(stack, "UploadBucket", value=uploads.bucket_name)
    CfnOutput(stack, "Domain", value=web.domain_name)
    CfnOutput(stack, "Bucket", value=web.bucket.bucket_name)
    CfnOutput(stack, "ApiEndpoint", value=api.api.api_endpoint)
    CfnOutput(stack, "ApiOnAws", value=f"https://{api.api.api_id}.execute-api.{HOME}.amazonaws.com")
    CfnOutput(stack, "Pool", value=users.user_pool.user_pool_id)
    CfnOutput(stack, "Client", value=users.user_pool_client.user_pool_client_id)


@architecture
def site_in_two_regions(app: App) -> None:
    there = Stack(app, f"{STACK}There", env=Environment(region=AWAY))
    bucket = s3.Bucket(
        there,
        "Bucket",
        bucket_name=FAILOVER_BUCKET,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        removal_policy=RemovalPolicy.DESTROY,
    )
    for action, resource in {"s3:GetObject": bucket.arn_for_objects("*"), "s3:ListBucket": bucket.bucket_arn}.items():
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
                actions=[action],
                resources=[resource],
                conditions={"ArnLike": {"AWS:SourceArn": f"arn:aws:cloudfront::{there.account}:distribution/*"}},
            )
        )
    here = Stack(app, STACK, env=Environment(region=HOME))
    here.add_stack_dependency(there)
    build(here, SITE)


class Site:
    """The deployed site, and browsers: a name under localhost is looked up in the Host header here."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        self.outputs = next(outputs for name, outputs in deployment.outputs.items() if outputs.get("Domain"))
        self.origin = cloud.browser_url(f"https://{self.outputs['Domain']}")

    def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Ask as a browser does, which resolves names under localhost."""
        local = httpx.URL(self.cloud.browser_url(url))
        headers = {"Host": local.netloc.decode(), **options.pop("headers", {})}
        raw = local.raw_path.decode()
        return httpx.request(method, f"{self.cloud.endpoint}{raw}", headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", f"https://{self.outputs['Domain']}{path}", **options)


@pytest.fixture(scope="session")
def site(local_cloud: LocalCloud, deployed: Deploy) -> Site:
    return Site(local_cloud, deployed(site_in_two_regions))


@pytest.fixture(scope="session")
def token(site: Site) -> str:
    users = site.cloud.client("cognito-idp", region=HOME)
    name = "reader@example.com"
    users.sign_up(ClientId=site.outputs["Client"], Username=name, Password=PASSWORD)
    users.admin_confirm_sign_up(UserPoolId=site.outputs["Pool"], Username=name)
    given = {"USERNAME": name, "PASSWORD": PASSWORD}
    answer = users.initiate_auth(ClientId=site.outputs["Client"], AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
    return str(answer["AuthenticationResult"]["AccessToken"])


# --- Pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/rooms", "/rooms/7", "/rooms/7/", "/rooms/7?after=3"])
def test_every_page_is_the_index_and_asked_for_each_time(site: Site, path: str) -> None:
    answer = site.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert "<main" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


def test_hashed_files_are_kept_for_a_year(site: Site) -> None:
    answer = site.get("/assets/main-3f9c2a.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert "javascript" in answer.headers["content-type"]
    again = site.get("/assets/main-3f9c2a.js", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/assets/main-000000.js", "/favicon.ico", "/rooms/none.json"])
def test_a_missing_file_is_missing_and_no_page(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 404
    assert "<main" not in answer.text
    assert "content-security-policy" in answer.headers


def test_the_configuration_has_what_only_the_deployment_knows(site: Site) -> None:
    answer = site.get("/config.json")
    assert answer.json() == {"apis": [{"region": HOME, "url": site.outputs["ApiEndpoint"]}]}
    assert answer.headers["cache-control"] == "no-cache"


def test_pages_may_load_and_call_what_was_named(site: Site) -> None:
    headers = site.get("/").headers
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    api = site.outputs["ApiOnAws"]
    assert f"connect-src 'self' {api} {site.cloud.browser_url(api)} {site.cloud.endpoint};" in policy


def test_outside_of_a_browser_the_policy_is_that_of_the_template(site: Site) -> None:
    answer = httpx.get(site.cloud.viewer_url(f"https://{site.outputs['Domain']}/rooms/7"))
    assert f"connect-src 'self' {site.outputs['ApiOnAws']};" in answer.headers["content-security-policy"]
    assert "localhost" not in answer.headers["content-security-policy"]


def test_only_the_distribution_reads_the_buckets(site: Site) -> None:
    for bucket in (site.outputs["Bucket"], FAILOVER_BUCKET):
        assert httpx.get(f"{site.cloud.endpoint}/{bucket}/index.html").status_code == 403
        assert httpx.get(f"{site.cloud.endpoint}/{bucket}?list-type=2").status_code == 403
    assert "<Contents>" not in site.get("/?list-type=2").text


def test_nothing_is_written_through_the_distribution(site: Site) -> None:
    for method in ("PUT", "POST", "DELETE"):
        assert site.ask(method, f"https://{site.outputs['Domain']}/index.html").status_code == 403


def test_plain_http_is_led_to_https(site: Site) -> None:
    answer = site.get("/rooms/7", headers={"X-Forwarded-Proto": "http"})
    assert answer.status_code == 301
    assert answer.headers["location"].startswith("https://")


# --- The API below /api ----------------------------------------------------------------------------------------------


def test_the_api_answers_below_its_path(site: Site, token: str) -> None:
    url = f"https://{site.outputs['Domain']}/api/orders/7%20a?open=1&open=2"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for method in ("GET", "POST", "DELETE"):
        body = b'{"n": 1}' if method == "POST" else None
        answer = site.ask(method, url, headers=headers, content=body)
        assert answer.status_code == 200, answer.text
        seen = answer.json()
        assert (seen["method"], seen["query"]) == (method, "open=1&open=2")
        assert seen["path"] == "/orders/7 a"
        assert seen["body"] == (None if body is None else body.decode())


def test_the_api_keeps_its_own_refusals(site: Site, token: str) -> None:
    assert site.get("/api/orders").status_code == 401
    assert site.get("/api/orders", headers={"Authorization": "Bearer made.up.token"}).status_code == 401
    authorized = {"Authorization": f"Bearer {token}"}
    assert site.get("/api/teapot", headers=authorized).status_code == 418, "no page hides an error of the API"
    over_http = {**authorized, "X-Forwarded-Proto": "http"}
    assert site.get("/api/orders", headers=over_http).status_code == 403, "a token is not sent twice"


def test_a_page_calls_apis_under_their_local_names_and_origins_hold(site: Site, token: str) -> None:
    """The API's own address, from pages of an allowed origin and of this distribution, which is none."""
    api = f"{site.outputs['ApiOnAws']}/orders"
    assert site.ask("GET", api, headers={"Authorization": f"Bearer {token}"}).json()["path"] == "/orders"
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    refused = site.ask("OPTIONS", api, headers={"Origin": site.origin, **asked})
    assert "access-control-allow-origin" not in refused.headers


def test_a_page_uploads_below_its_own_name_where_the_bucket_allows_no_origin(site: Site) -> None:
    s3_client = site.cloud.client("s3", region=HOME)
    bucket = site.outputs["UploadBucket"]
    limits = [["content-length-range", 1, 100]]
    form = s3_client.generate_presigned_post(bucket, "incoming/a.txt", Conditions=limits)
    asked = {"Origin": site.origin, "Access-Control-Request-Method": "POST"}
    assert httpx.options(form["url"], headers=asked).status_code == 403
    url, sent = f"https://{site.outputs['Domain']}/uploads/", {"Origin": site.origin}
    answer = site.ask("POST", url, headers=sent, data=form["fields"], files={"file": b"hello"})
    assert answer.status_code == 204, answer.text
    assert s3_client.get_object(Bucket=bucket, Key="incoming/a.txt")["Body"].read() == b"hello"
    # S3 judges the form as it would without a distribution.
    for fields, content in ((form["fields"], bytes(101)), (form["fields"] | {"key": "other.txt"}, b"hello"), ({}, b"")):
        refused = site.ask("POST", url, headers=sent, data=fields, files={"file": content})
        assert refused.status_code in {400, 403}, refused.text
    assert [one["Key"] for one in s3_client.list_objects_v2(Bucket=bucket)["Contents"]] == ["incoming/a.txt"]


# --- Releases and failures -------------------------------------------------------------------------------------------


def test_without_its_region_the_site_is_read_from_the_other_one(site: Site) -> None:
    with site.cloud.cut_off(HOME):
        assert "<main" in site.get("/rooms/7").text
        assert site.get("/assets/main-3f9c2a.js").status_code == 200
        assert site.get("/assets/main-000000.js").status_code == 404
        assert site.get("/api/orders").status_code == 502
    with site.cloud.cut_off(HOME), site.cloud.cut_off(AWAY):
        # CloudFront keeps what says no-cache for the second that the cache policy has as its least.
        eventually(lambda: site.get("/rooms/7").status_code == 502, within=5)


def test_a_release_is_seen_at_once_and_takes_nothing_from_open_pages(
    site: Site, cdk_context: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    shutil.copytree(SITE, folder)
    (folder / "assets/main-3f9c2a.js").rename(folder / "assets/main-77d0b1.js")
    (folder / "robots.txt").write_text("User-agent: *\n")
    (folder / "index.html").write_text('<main>new</main><script src="/assets/main-77d0b1.js"></script>')

    def release(folder: Path) -> None:
        context = {**cdk_context, "@aws-cdk/core:failSynthOnValidationErrors": False}
        app = App(context=context, outdir=str(tmp_path / "cdk.out"))
        build(Stack(app, STACK, env=Environment(region=HOME)), folder)
        site.cloud.deploy(app.synth().directory)
        shutil.rmtree(tmp_path / "cdk.out")

    release(folder)
    assert "<main>new</main>" in site.get("/rooms/7").text
    for path in ("/assets/main-3f9c2a.js", "/assets/main-77d0b1.js"):
        answer = site.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert site.get("/robots.txt").status_code == 200
    assert json.loads(site.get("/config.json").text)["apis"]

    # The CDK remembers what a folder holds for as long as its process lives.
    next_folder = folder.rename(tmp_path / "next")
    (next_folder / "robots.txt").unlink()
    release(next_folder)
    eventually(lambda: site.get("/robots.txt").status_code == 404, within=5, what="the end of what a release has not")
    assert site.get("/assets/main-3f9c2a.js").status_code == 200
    assert site.get("/config.json").status_code == 200
