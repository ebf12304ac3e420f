"""What the templates of DirectHosting promise."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Aws, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DirectHosting, InvalidOptionError
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import direct_hosting as example

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-000000000000"
WEB_ACL = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/edge/0a1b2c3d-0000-4000-8000-000000000000"


@architecture
def defaults(stack: Stack) -> DirectHosting:
    web = DirectHosting(stack, "Web")
    web.add_site(example.SITE)
    return web


@architecture(env=Environment(account="111122223333", region="ap-northeast-1"))
def existing_resources(stack: Stack) -> DirectHosting:
    web = DirectHosting(
        stack,
        "Web",
        bucket=s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::existing"),
        failover_bucket=s3.Bucket.from_bucket_attributes(stack, "There", bucket_name="there", region="us-west-2"),
        domain_names=["www.example.com"],
        certificate=acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE),
        zone=route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id="Z0123456789EXAMPLE", zone_name="example.com"
        ),
        content_security_policy={"connect-src": [f"https://api.{Aws.REGION}.example.com"]},
        single_page=False,
    )
    web.add_configuration({"api": f"https://api.{Aws.REGION}.example.com"}, name="settings/api.json")
    web.add_site(example.SITE, immutable="assets/*.js")
    web.add_api(apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="abc123"))
    web.attach_web_acl(WEB_ACL)
    return web


@architecture
def two_in_one_stack(stack: Stack) -> None:
    for name in ("Shop", "Help"):
        DirectHosting(stack, name).add_site(example.SITE)


@architecture
def inside_a_stage(app: App) -> None:
    DirectHosting(Stack(Stage(app, "HostingProd"), "Delivery"), "Web").add_site(example.SITE)


@architecture
def ten_lines(stack: Stack) -> DirectHosting:
    return example.build(stack)


def config(of: Any) -> dict[str, Any]:
    (resource,) = of.resources("AWS::CloudFront::Distribution").values()
    found: dict[str, Any] = resource["Properties"]["DistributionConfig"]
    return found


def deployments(of: Any) -> dict[str, dict[str, Any]]:
    return {name[:-8]: item for name, item in of.resources("Custom::CDKBucketDeployment").items()}


@pytest.mark.parametrize("build", [defaults, existing_resources])
def test_template(build: Any, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, existing_resources])
def test_card(build: Any, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(DirectHosting, synthesis(ten_lines))


@pytest.mark.parametrize("build", [defaults, existing_resources, two_in_one_stack, inside_a_stage, ten_lines])
def test_no_finding_is_open(build: Any, synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_only_this_distribution_reads_and_lists_the_private_bucket(synthesis: Synthesis) -> None:
    of = synthesis(defaults)
    (bucket,) = (item for name, item in of.resources("AWS::S3::Bucket").items() if name.startswith("Web"))
    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
    assert bucket["DeletionPolicy"] == "Retain"
    allowed = [
        statement
        for policy in of.resources("AWS::S3::BucketPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    ]
    (distribution,) = of.resources("AWS::CloudFront::Distribution")
    assert [statement["Action"] for statement in allowed] == [["s3:GetObject", "s3:ListBucket"]]
    assert {"Ref": distribution} in allowed[0]["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Join"][1]


def test_an_imported_bucket_is_left_alone_and_its_owner_gets_the_statements(synthesis: Synthesis) -> None:
    web: DirectHosting = synthesis(existing_resources).result
    statements = [statement.to_statement_json() for statement in web.origin_access_statements]
    assert [statement["Action"] for statement in statements] == ["s3:GetObject", "s3:ListBucket"]
    assert [statement["Resource"] for statement in statements] == ["arn:aws:s3:::existing/*", "arn:aws:s3:::existing"]
    assert "existing" not in str(synthesis(existing_resources).resources("AWS::S3::BucketPolicy"))


def test_hashed_files_go_first_live_long_and_are_never_removed(synthesis: Synthesis) -> None:
    of = deployments(synthesis(defaults))
    assets, pages = of["WebAssetsCustomResource"], of["WebSiteCustomResource"]
    kept = assets["Properties"]
    assert (kept["Exclude"], kept["Include"], kept["Prune"]) == (["*"], ["assets/*"], False)
    assert kept["SystemMetadata"]["cache-control"] == "public, max-age=31536000, immutable"
    others = pages["Properties"]
    assert (others["Exclude"], others["Prune"]) == (["assets/*"], True)
    assert "Include" not in others
    assert others["SystemMetadata"]["cache-control"] == "no-cache"
    assert any(name.startswith("WebAssetsCustomResource") for name in pages["DependsOn"])


def test_the_function_that_deploys_reaches_these_buckets_only_and_no_distribution(synthesis: Synthesis) -> None:
    (policy,) = (
        item
        for name, item in synthesis(defaults).resources("AWS::IAM::Policy").items()
        if name.startswith("CustomCDKBucketDeployment")
    )
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    assert all("*" not in str(statement["Resource"]).replace("/*", "") for statement in statements)
    assert "cloudfront" not in str(statements), "nothing needs to be invalidated"


def test_the_configuration_is_filled_in_at_deployment(synthesis: Synthesis) -> None:
    of = deployments(synthesis(ten_lines))["WebSiteCustomResource"]["Properties"]
    assert len(of["SourceObjectKeys"]) == 2
    assert "Users" in json.dumps(of["SourceMarkers"][1])
    existing = deployments(synthesis(existing_resources))
    assert len(existing["WebSiteCustomResource"]["Properties"]["SourceObjectKeys"]) == 2, "whichever comes first"
    assert len(existing["WebAssetsCustomResource"]["Properties"]["SourceObjectKeys"]) == 1


def test_paths_of_an_application_get_its_index(synthesis: Synthesis) -> None:
    for build, rewrite in ((defaults, '"/index.html"'), (existing_resources, '+= "/index.html"')):
        (code,) = (
            item["Properties"]["FunctionCode"]
            for name, item in synthesis(build).resources("AWS::CloudFront::Function").items()
            if "Pages" in name
        )
        assert rewrite in code
    assert not config(synthesis(defaults)).get("CustomErrorResponses"), "they would hide the API's errors"


@pytest.mark.parametrize("single_page", [True, False])
def test_files_without_an_extension_are_no_pages(tmp_path: Path, *, single_page: bool) -> None:
    for name in ("index.html", "LICENSE", "docs/Größe", "a+b (copy)", ".well-known/apple-app-site-association"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    stack = Stack(App(), "Site")
    DirectHosting(stack, "Web", single_page=single_page).add_site(tmp_path)
    template = Template.from_stack(stack)
    (function,) = template.find_resources("AWS::CloudFront::Function").values()
    # As browsers and other clients write the same names.
    names = ["/LICENSE", "/docs/Gr%C3%B6%C3%9Fe", "/docs/Gr%c3%b6%c3%9fe", "/a+b%20(copy)", "/a%2Bb%20%28copy%29"]
    names += ["/.well-known/apple-app-site-association", "/logo.png", "/logo%2Epng"]
    asked = ["/rooms/7", *names]
    program = f"""{function["Properties"]["FunctionCode"]}
        console.log(JSON.stringify({json.dumps(asked)}.map(uri => handler({{request: {{uri}}}}).uri)))"""
    found = subprocess.run(["node", "-e", program], capture_output=True, check=True)
    page = "/index.html" if single_page else "/rooms/7/index.html"
    assert json.loads(found.stdout) == [page, *names]
    deployments = template.find_resources("Custom::CDKBucketDeployment").values()
    links = [
        one["Properties"] for one in deployments if one["Properties"].get("SystemMetadata", {}).get("content-type")
    ]
    assert [(one["SystemMetadata"]["content-type"], one["Include"]) for one in links] == [
        ("application/json", [".well-known/apple-app-site-association"])
    ]


def test_a_site_with_too_many_such_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").touch()
    for number in range(400):
        (tmp_path / f"a-file-with-a-long-name-{number}").touch()
    with pytest.raises(InvalidOptionError, match=r"folder contains 400 files without an extension.*Give most of them"):
        DirectHosting(Stack(), "Web").add_site(tmp_path)


def test_a_second_region_has_the_files_and_answers_when_the_first_fails(synthesis: Synthesis) -> None:
    of = synthesis(existing_resources)
    (group,) = config(of)["OriginGroups"]["Items"]
    assert config(of)["DefaultCacheBehavior"]["TargetOriginId"] == group["Id"]
    assert group["FailoverCriteria"]["StatusCodes"]["Items"] == [500, 502, 503, 504]
    hosts = [origin["DomainName"] for origin in config(of)["Origins"]][:2]
    assert "there.s3.us-west-2." in json.dumps(hosts[1])
    targets = {name: item["Properties"]["DestinationBucketName"] for name, item in deployments(of).items()}
    assert targets == {
        "WebAssetsCustomResource": "existing",
        "WebSiteCustomResource": "existing",
        "WebAssetsFailoverCustomResource": "there",
        "WebSiteFailoverCustomResource": "there",
    }


def test_calls_to_the_api_go_through_the_same_name(synthesis: Synthesis) -> None:
    (behavior,) = config(synthesis(existing_resources))["CacheBehaviors"]
    assert behavior["PathPattern"] == "/api/*"


# --- What is refused -------------------------------------------------------------------------------------------------


def test_a_site_has_an_index_and_one_folder(tmp_path: Path) -> None:
    web = DirectHosting(Stack(App(), "Stack"), "Web")
    with pytest.raises(InvalidOptionError, match=r"folder is '.*', which has no index\.html\. Build the site before"):
        web.add_site(tmp_path)
    web.add_site(example.SITE)
    with pytest.raises(InvalidOptionError, match=r"a second one"):
        web.add_site(example.SITE)


def test_a_configuration_is_written_once() -> None:
    web = DirectHosting(Stack(App(), "Stack"), "Web")
    web.add_configuration({"a": 1})
    with pytest.raises(InvalidOptionError, match=r"name is 'config\.json', which was added before"):
        web.add_configuration({"b": 2})


def test_a_bucket_of_another_stack_is_refused() -> None:
    app = App()
    bucket = s3.Bucket(Stack(app, "Data"), "Bucket")
    with pytest.raises(InvalidOptionError, match=r"bucket is made in stack Data"):
        DirectHosting(Stack(app, "Stack"), "Web", bucket=bucket)


def test_what_its_distribution_refuses_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match=r"Stack/Web/Cache: domain_names was given without certificate"):
        DirectHosting(Stack(App(), "Stack"), "Web", domain_names=["www.example.com"])


# --- Options that every pattern has ----------------------------------------------------------------------------------


@architecture(env=Environment(account="111122223333", region="us-east-1"))
def short_lived(stack: Stack) -> DirectHosting:
    return DirectHosting(
        stack,
        "Web",
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )


def test_the_bucket_goes_with_the_stack_when_told_so(synthesis: Synthesis) -> None:
    for build, policy in ((defaults, "Retain"), (short_lived, "Delete")):
        buckets = synthesis(build).resources("AWS::S3::Bucket").items()
        assert [item["DeletionPolicy"] for name, item in buckets if name.startswith("Web")] == [policy]


def test_many_server_errors_raise_an_alarm(synthesis: Synthesis) -> None:
    ((_, alarm),) = synthesis(short_lived).resources("AWS::CloudWatch::Alarm").items()
    assert alarm["Properties"]["MetricName"] == "5xxErrorRate"
    assert synthesis(short_lived).findings("AwsSolutions", "Serverless") == []


def test_alarms_metrics_and_what_was_added_are_found() -> None:
    web = short_lived(Stack(App(), "Virginia", env=Environment(region="us-east-1")))
    assert [alarm.node.id for alarm in web.alarms] == ["ServerErrorsAlarm"]
    assert (web.metric_requests().region, web.metric_server_errors().region) == ("us-east-1", "us-east-1")
    (pages,) = web.add_site(example.SITE)
    assert pages.node.scope is web
    assert web.add_configuration({"api": "https://api.example.com"}) is not None


def test_removal_policy_of_an_existing_bucket_is_refused() -> None:
    stack = Stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    with pytest.raises(InvalidOptionError, match="removal_policy was given together with bucket"):
        DirectHosting(stack, "Web", bucket=bucket, removal_policy=RemovalPolicy.DESTROY)
