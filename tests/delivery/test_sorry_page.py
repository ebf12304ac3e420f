"""What the templates of SorryPage promise."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import CacheDistribution, DirectHosting, InvalidOptionError, SorryPage
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import direct_hosting, sorry_page

VIRGINIA = Environment(account="111122223333", region="us-east-1")


def site(stack: Stack) -> CacheDistribution:
    return CacheDistribution(stack, "Site", origin=origins.HttpOrigin("origin.example.com"))


@architecture
def defaults(stack: Stack) -> SorryPage:
    return SorryPage(stack, "Sorry", site=site(stack))


@architecture(env=VIRGINIA)
def all_options(stack: Stack) -> SorryPage:
    """Everything set, in an existing bucket, for a site of files."""
    web = DirectHosting(stack, "Web")
    web.add_site(direct_hosting.SITE)
    return SorryPage(
        stack,
        "Sorry",
        site=web.cache,
        folder=direct_hosting.SITE,
        bucket=s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::existing"),
        path="/help/closed",
        status_codes=[502, 504],
        retry_after=Duration.minutes(2),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Operators", "arn:aws:sns:us-east-1:111122223333:operators"),
    )


@architecture
def two_in_one_stack(stack: Stack) -> None:
    for name in ("News", "Sports"):
        origin = origins.HttpOrigin(f"{name.lower()}.example.com")
        SorryPage(stack, f"{name}Sorry", site=CacheDistribution(stack, name, origin=origin))


@architecture
def inside_a_stage(app: App) -> SorryPage:
    return defaults(Stack(Stage(app, "SorryProd"), "Delivery"))


@architecture
def ten_lines(stack: Stack) -> SorryPage:
    return sorry_page.build(stack, "origin.example.com")


def config(of: Any) -> dict[str, Any]:
    (resource,) = of.resources("AWS::CloudFront::Distribution").values()
    found: dict[str, Any] = resource["Properties"]["DistributionConfig"]
    return found


def policy_of_the_page(of: Any) -> dict[str, Any]:
    found = config(of)["CacheBehaviors"][0]["ResponseHeadersPolicyId"]["Ref"]
    policy = of.resources("AWS::CloudFront::ResponseHeadersPolicy")[found]["Properties"]
    headers: dict[str, Any] = policy["ResponseHeadersPolicyConfig"]
    return headers


def page_deployment(of: Any) -> dict[str, Any]:
    (found,) = (
        item["Properties"]
        for name, item in of.resources("Custom::CDKBucketDeployment").items()
        if name.startswith("SorryPage")
    )
    properties: dict[str, Any] = found
    return properties


@pytest.mark.parametrize("build", [defaults, all_options])
def test_template(build: Any, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options])
def test_card(build: Any, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(SorryPage, synthesis(ten_lines))


@pytest.mark.parametrize("build", [defaults, all_options, two_in_one_stack, inside_a_stage, ten_lines])
def test_no_finding_is_open(build: Any, synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_each_error_of_an_origin_is_the_page_with_503_and_is_kept_for_five_seconds(synthesis: Synthesis) -> None:
    assert config(synthesis(defaults))["CustomErrorResponses"] == [
        {
            "ErrorCode": code,
            "ErrorCachingMinTTL": 5,
            "ResponseCode": 503,
            "ResponsePagePath": "/sorry/index.html",
        }
        for code in (502, 503, 504)
    ]


def test_other_codes_and_another_path(synthesis: Synthesis) -> None:
    errors = config(synthesis(all_options))["CustomErrorResponses"]
    assert [(error["ErrorCode"], error["ResponsePagePath"]) for error in errors] == [
        (502, "/help/closed/index.html"),
        (504, "/help/closed/index.html"),
    ]


def test_the_page_is_not_read_from_the_origin_that_fails(synthesis: Synthesis) -> None:
    of = config(synthesis(defaults))
    (behavior,) = of["CacheBehaviors"]
    (origin,) = (origin for origin in of["Origins"] if origin["Id"] == behavior["TargetOriginId"])
    assert behavior["PathPattern"] == "/sorry/*"
    assert behavior["TargetOriginId"] != of["DefaultCacheBehavior"]["TargetOriginId"]
    assert origin["OriginAccessControlId"]
    assert "S3OriginConfig" in origin


def test_the_page_says_when_to_come_back_and_nobody_keeps_it(synthesis: Synthesis) -> None:
    for build, after in ((defaults, "30"), (all_options, "120")):
        of = synthesis(build)
        headers = policy_of_the_page(of)["CustomHeadersConfig"]["Items"]
        assert headers == [{"Header": "Retry-After", "Override": True, "Value": after}]
        assert page_deployment(of)["SystemMetadata"]["cache-control"] == "no-store"


def test_the_page_has_the_security_headers_of_the_site(synthesis: Synthesis) -> None:
    of = synthesis(defaults)
    every = [
        policy["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
        for policy in of.resources("AWS::CloudFront::ResponseHeadersPolicy").values()
    ]
    assert len(every) == 2
    assert every[0] == every[1]


def test_only_files_below_the_path_are_written_and_removed(synthesis: Synthesis) -> None:
    for build, folder in ((defaults, "sorry"), (all_options, "help/closed")):
        properties = page_deployment(synthesis(build))
        assert (properties["DestinationBucketKeyPrefix"], properties["Prune"]) == (folder, True)


def test_only_this_distribution_reads_the_private_bucket(synthesis: Synthesis) -> None:
    of = synthesis(defaults)
    (bucket,) = (item for name, item in of.resources("AWS::S3::Bucket").items() if name.startswith("Sorry"))
    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
    assert bucket["DeletionPolicy"] == "Retain"
    allowed = [
        statement
        for policy in of.resources("AWS::S3::BucketPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    ]
    (distribution,) = of.resources("AWS::CloudFront::Distribution")
    assert [statement["Action"] for statement in allowed] == ["s3:GetObject"]
    assert {"Ref": distribution} in allowed[0]["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Join"][1]


def test_an_imported_bucket_is_left_alone_and_its_owner_gets_the_statement(synthesis: Synthesis) -> None:
    of = synthesis(all_options)
    stack = Stack.of(of.result)
    (statement,) = [stack.resolve(each.to_statement_json()) for each in of.result.origin_access_statements]
    assert (statement["Action"], statement["Resource"]) == ("s3:GetObject", "arn:aws:s3:::existing/*")
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "AWS:SourceArn" in statement["Condition"]["StringEquals"]
    assert "existing" not in json.dumps(of.resources("AWS::S3::BucketPolicy"))


def test_operators_hear_of_it_after_two_minutes(synthesis: Synthesis) -> None:
    (alarm,) = (item["Properties"] for item in synthesis(all_options).resources("AWS::CloudWatch::Alarm").values())
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/CloudFront", "5xxErrorRate")
    assert (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (1, 60, 2)
    assert {"Name": "Region", "Value": "Global"} in alarm["Dimensions"]
    assert alarm["AlarmActions"] == alarm["OKActions"] == ["arn:aws:sns:us-east-1:111122223333:operators"]
    assert synthesis(defaults).resources("AWS::CloudWatch::Alarm") == {}


def test_dynamic_pages_of_the_rest_of_the_site_come_after_the_page(synthesis: Synthesis) -> None:
    patterns = [behavior["PathPattern"] for behavior in config(synthesis(ten_lines))["CacheBehaviors"]]
    assert patterns == ["/sorry/*", "/*"]


def _elsewhere(stack: Stack) -> SorryPage:
    other = Stack(stack.node.root, "Other")  # type: ignore[arg-type]  # an app
    return SorryPage(stack, "Sorry", site=site(stack), bucket=s3.Bucket(other, "Bucket"))


def _after_everything(stack: Stack) -> SorryPage:
    made = site(stack)
    made.add_uncached_behavior("/*", origins.HttpOrigin("origin.example.com"))
    return SorryPage(stack, "Sorry", site=made)


def _twice(stack: Stack) -> SorryPage:
    made = site(stack)
    SorryPage(stack, "First", site=made, path="/first")
    return SorryPage(stack, "Sorry", site=made)


def _kept_and_existing(stack: Stack) -> SorryPage:
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    return SorryPage(stack, "Sorry", site=site(stack), bucket=bucket, removal_policy=RemovalPolicy.DESTROY)


WRONG: list[tuple[Callable[[Stack], Any], str]] = [
    (lambda stack: SorryPage(stack, "Sorry", site=site(stack), path="sorry"), "path is 'sorry'"),
    (lambda stack: SorryPage(stack, "Sorry", site=site(stack), path="/sorry/"), "path is '/sorry/'"),
    (lambda stack: SorryPage(stack, "Sorry", site=site(stack), status_codes=[]), "status_codes is empty"),
    (lambda stack: SorryPage(stack, "Sorry", site=site(stack), status_codes=[404]), "status_codes contains 404"),
    (
        lambda stack: SorryPage(stack, "Sorry", site=site(stack), status_codes=[502, 502]),
        "status_codes contains 502 twice",
    ),
    (
        lambda stack: SorryPage(stack, "Sorry", site=site(stack), retry_after=Duration.days(2)),
        "retry_after is 2 days.*1 second.*1 day",
    ),
    (
        lambda stack: SorryPage(stack, "Sorry", site=site(stack), folder=Path("no/such/folder")),
        "folder is 'no/such/folder', which has no index.html",
    ),
    (_after_everything, r"path is '/sorry', which '/\*' answers.*Make the page first"),
    (_twice, "site is Delivery/Site, which has a page.*Make one"),
    (_elsewhere, "bucket is made in stack"),
    (_kept_and_existing, "removal_policy was given together with bucket"),
]


@pytest.mark.parametrize(("build", "message"), WRONG)
def test_wrong_options_are_refused(build: Callable[[Stack], Any], message: str, cdk_app: App) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        build(Stack(cdk_app, "Delivery"))


def test_an_alarm_topic_is_refused_where_cloudfront_has_no_metrics(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Delivery", env=Environment(account="111122223333", region="eu-west-1"))
    topic = sns.Topic.from_topic_arn(stack, "Operators", "arn:aws:sns:eu-west-1:111122223333:operators")
    with pytest.raises(InvalidOptionError, match="alarm_topic is in eu-west-1"):
        SorryPage(stack, "Sorry", site=site(stack), alarm_topic=topic)
