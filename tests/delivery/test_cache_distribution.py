"""What the templates of CacheDistribution promise."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Environment, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match, Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import CacheDistribution, InvalidOptionError
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import cache_distribution as example
from docs.examples import dynamic_pages as dynamic
from tests.networks import front

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-000000000000"
WEB_ACL = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/edge/0a1b2c3d-0000-4000-8000-000000000000"


def servers() -> cloudfront.IOrigin:
    return origins.HttpOrigin("origin.example.com")


def zone(stack: Stack) -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(
        stack, "Zone", hosted_zone_id="Z0123456789EXAMPLE", zone_name="example.com"
    )


@architecture
def defaults(stack: Stack) -> CacheDistribution:
    return CacheDistribution(stack, "News", origin=servers())


@architecture(env=Environment(account="111122223333", region="ap-northeast-1"))
def all_options(stack: Stack) -> CacheDistribution:
    """Everything set, and all of it existing by ARN, id or name."""
    news = CacheDistribution(
        stack,
        "News",
        origin=servers(),
        cache_policy=cloudfront.CachePolicy.USE_ORIGIN_CACHE_CONTROL_HEADERS,
        viewer_request=cloudfront.Function.from_function_attributes(
            stack,
            "Redirects",
            function_name="redirects",
            function_arn="arn:aws:cloudfront::111122223333:function/redirects",
        ),
        domain_names=["example.com", "www.example.com"],
        certificate=acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE),
        zone=zone(stack),
        content_security_policy={"connect-src": ["wss://live.example.com"], "frame-src": ["https://video.example.com"]},
    )
    api = apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="abc123")
    news.add_api(api, path="/api/v1", region="us-west-2")
    pictures = s3.Bucket.from_bucket_name(stack, "Pictures", "pictures")
    news.add_behavior("/pictures/*", origins.S3BucketOrigin.with_origin_access_control(pictures))
    news.attach_web_acl(WEB_ACL)
    return news


@architecture
def two_in_one_stack(stack: Stack) -> None:
    for name in ("News", "Sports"):
        CacheDistribution(stack, name, origin=servers()).add_api(
            apigatewayv2.HttpApi.from_http_api_attributes(stack, f"{name}Api", http_api_id="abc123")
        )


@architecture
def inside_a_stage(app: App) -> None:
    CacheDistribution(Stack(Stage(app, "CacheProd"), "Delivery"), "News", origin=servers())


@architecture
def ten_lines(stack: Stack) -> CacheDistribution:
    return example.build(stack, "origin.example.com", s3.Bucket.from_bucket_name(stack, "Pictures", "pictures"))


@architecture
def dynamic_pages(stack: Stack) -> CacheDistribution:
    return dynamic.build(stack, front(stack))


def config(of: Any) -> dict[str, Any]:
    (resource,) = of.resources("AWS::CloudFront::Distribution").values()
    found: dict[str, Any] = resource["Properties"]["DistributionConfig"]
    return found


def policy(of: Any) -> dict[str, str]:
    (headers,) = of.resources("AWS::CloudFront::ResponseHeadersPolicy").values()
    security = headers["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    directives = security["ContentSecurityPolicy"]["ContentSecurityPolicy"].split("; ")
    return {name: sources for name, _, sources in (directive.partition(" ") for directive in directives)}


@pytest.mark.parametrize("build", [defaults, all_options])
def test_template(build: Any, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options])
def test_card(build: Any, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(CacheDistribution, synthesis(ten_lines))


@pytest.mark.parametrize("build", [defaults, all_options, two_in_one_stack, inside_a_stage, ten_lines, dynamic_pages])
def test_no_finding_is_open(build: Any, synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_readers_get_compressed_answers_over_https_and_http_3(synthesis: Synthesis) -> None:
    of = config(synthesis(defaults))
    behavior = of["DefaultCacheBehavior"]
    assert (of["HttpVersion"], of["IPV6Enabled"]) == ("http2and3", True)
    assert behavior["Compress"] is True
    assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
    assert behavior["AllowedMethods"] == ["GET", "HEAD", "OPTIONS"]
    assert "Logging" in of


def test_nothing_inline_runs_and_nobody_frames_a_page(synthesis: Synthesis) -> None:
    of = policy(synthesis(defaults))
    assert of["default-src"] == "'none'"
    assert (of["script-src"], of["style-src"], of["connect-src"]) == ("'self'", "'self'", "'self'")
    assert (of["frame-ancestors"], of["base-uri"]) == ("'none'", "'none'")
    assert not any("unsafe" in sources for sources in of.values())


def test_sources_are_added_to_the_defaults(synthesis: Synthesis) -> None:
    of = policy(synthesis(all_options))
    assert of["connect-src"] == "'self' wss://live.example.com"
    assert of["frame-src"] == "https://video.example.com"
    assert of["script-src"] == "'self'"


def test_an_own_name_has_tls_1_2_and_records_for_both_families(synthesis: Synthesis) -> None:
    of = synthesis(all_options)
    assert config(of)["Aliases"] == ["example.com", "www.example.com"]
    assert config(of)["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    records = [record["Properties"] for record in of.resources("AWS::Route53::RecordSet").values()]
    assert {(record["Name"], record["Type"]) for record in records} == {
        (f"{name}.", kind) for name in ("example.com", "www.example.com") for kind in ("A", "AAAA")
    }
    assert {record["AliasTarget"]["HostedZoneId"] for record in records} == {"Z2FDTNDATAQYW2"}
    assert config(of)["WebACLId"] == WEB_ACL


def test_the_api_is_never_cached_and_gets_the_token(synthesis: Synthesis) -> None:
    of = synthesis(all_options)
    api, pictures = config(of)["CacheBehaviors"]
    assert (api["PathPattern"], pictures["PathPattern"]) == ("/api/v1/*", "/pictures/*")
    # The managed policies CachingDisabled and AllViewerExceptHostHeader.
    assert api["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert api["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert api["ViewerProtocolPolicy"] == "https-only", "a token must not be sent twice"
    assert set(api["AllowedMethods"]) >= {"GET", "POST", "PUT", "PATCH", "DELETE"}
    (origin,) = (item for item in config(of)["Origins"] if item["Id"] == api["TargetOriginId"])
    assert origin["DomainName"]["Fn::Join"][1] == ["abc123.execute-api.us-west-2.", {"Ref": "AWS::URLSuffix"}]
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    (strip,) = of.resources("AWS::CloudFront::Function").values()
    assert "slice(7)" in strip["Properties"]["FunctionCode"], "the length of /api/v1"


def test_every_answer_has_the_security_headers(synthesis: Synthesis) -> None:
    of = config(synthesis(all_options))
    behaviors = [of["DefaultCacheBehavior"], *of["CacheBehaviors"]]
    assert len({str(behavior["ResponseHeadersPolicyId"]) for behavior in behaviors}) == 1


def test_metrics_are_where_cloudfront_keeps_them(synthesis: Synthesis) -> None:
    news: CacheDistribution = synthesis(all_options).result
    assert news.metric_requests().region == news.metric_server_errors().region == "us-east-1"


# --- What is refused -------------------------------------------------------------------------------------------------


def cache(**options: Any) -> CacheDistribution:
    stack = Stack(App(), "Stack")
    if options.pop("named", False):
        options["certificate"] = acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE)
    if options.pop("in_zone", False):
        options["zone"] = zone(stack)
    return CacheDistribution(stack, "News", **{"origin": servers(), **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain_names": ["www.example.com"]}, r"domain_names was given without certificate"),
        ({"named": True}, r"certificate was given without domain_names"),
        ({"in_zone": True}, r"zone was given without domain_names"),
        (
            {"domain_names": ["www.example.org"], "named": True, "in_zone": True},
            r"domain_names contains 'www\.example\.org', which is not in zone 'example\.com'",
        ),
    ],
)
def test_names_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        cache(**options)


@pytest.mark.parametrize(
    "source", ["'unsafe-inline'", "'unsafe-eval'", "*", "https:", "https://*", "https://*.com", "http://a.example.com"]
)
def test_sources_that_undo_the_policy_are_refused(source: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"content_security_policy contains .* in connect-src\. Name hosts"):
        cache(content_security_policy={"connect-src": [source]})


@pytest.mark.parametrize(
    ("sources", "fix"),
    [
        ({"connect-src": "https://a.example.com"}, "contains 'https://a.example.com' for 'connect-src'. Give a list"),
        ({"connect src": []}, "Give lists by directive"),
    ],
)
def test_malformed_policies_are_refused(sources: Any, fix: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"content_security_policy .*{fix}"):
        cache(content_security_policy=sources)


def test_a_policy_that_is_too_long_for_a_header_of_cloudfront_is_refused() -> None:
    hosts = [f"https://api-{number}.example.com" for number in range(90)]
    with pytest.raises(InvalidOptionError, match=r"content_security_policy has 2,\d+ characters as a header"):
        cache(content_security_policy={"connect-src": hosts})
    cache(content_security_policy={"connect-src": hosts[:40]})


def test_a_policy_that_may_be_too_long_once_its_hosts_are_known_is_a_warning(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    names = [CfnParameter(stack, f"Host{number}").value_as_string for number in range(60)]
    CacheDistribution(
        stack,
        "Cache",
        origin=origins.HttpOrigin("a.example.com"),
        content_security_policy={"img-src": [f"https://{name}" for name in names]},
    )
    too_long = Match.string_like_regexp("content_security_policy makes a header of about 2,")
    warnings = Annotations.from_stack(stack).find_warning("*", too_long)
    assert len(warnings) == 1


@pytest.mark.parametrize("path", ["api", "/api/", "/", "/api/*", "/a b"])
def test_paths_of_an_api_that_cannot_work_are_refused(path: str) -> None:
    news = cache()
    api = apigatewayv2.HttpApi.from_http_api_attributes(news, "Api", http_api_id="abc123")
    with pytest.raises(InvalidOptionError, match=r"Begin with a slash, end without one"):
        news.add_api(api, path=path)


def test_an_api_is_asked_at_a_name_of_its_own() -> None:
    news = cache()
    api = apigatewayv2.HttpApi.from_http_api_attributes(news, "Api", http_api_id="abc123")
    news.add_api(api, domain_name="api.example.com")
    (distribution,) = Template.from_stack(Stack.of(news)).find_resources("AWS::CloudFront::Distribution").values()
    read_from = distribution["Properties"]["DistributionConfig"]["Origins"]
    assert "api.example.com" in [origin["DomainName"] for origin in read_from]


def test_a_path_has_one_origin() -> None:
    news = cache()
    api = apigatewayv2.HttpApi.from_http_api_attributes(news, "Api", http_api_id="abc123")
    news.add_api(api)
    with pytest.raises(InvalidOptionError, match=r"path is '/api/\*', which was added before"):
        news.add_api(api)
    with pytest.raises(InvalidOptionError, match=r"path_pattern is '/api/\*', which was added before"):
        news.add_behavior("/api/*", servers())


def test_what_is_dynamic_is_passed_on_with_every_method_and_what_may_be_a_second_old_is_tried_first(
    synthesis: Synthesis,
) -> None:
    of = config(synthesis(dynamic_pages))
    page, rest = of["CacheBehaviors"]
    assert (page["PathPattern"], rest["PathPattern"]) == ("/rooms/*/page", "/*")
    assert (page["AllowedMethods"], len(rest["AllowedMethods"])) == (["GET", "HEAD", "OPTIONS"], 7)
    assert rest["CachePolicyId"] == cloudfront.CachePolicy.CACHING_DISABLED.cache_policy_id
    assert rest["OriginRequestPolicyId"] == (
        cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER.origin_request_policy_id
    )
    assert (page["ViewerProtocolPolicy"], rest["ViewerProtocolPolicy"]) == ("redirect-to-https", "https-only")
    assert page["ResponseHeadersPolicyId"] == rest["ResponseHeadersPolicyId"]


def test_a_dynamic_path_is_checked_as_others_are() -> None:
    news = cache()
    news.add_uncached_behavior("/*", servers())
    with pytest.raises(InvalidOptionError, match=r"path_pattern is '/\*', which was added before"):
        news.add_uncached_behavior("/*", servers())
    with pytest.raises(InvalidOptionError, match=r"path_pattern is 'a b'"):
        news.add_uncached_behavior("a b", servers())


def test_a_web_acl_of_another_scope_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match=r"Make the web ACL in us-east-1 with scope CLOUDFRONT"):
        cache().attach_web_acl(WEB_ACL.replace(":global/", ":regional/"))


# --- Alarms and metrics ----------------------------------------------------------------------------------------------


@architecture(env=Environment(account="111122223333", region="us-east-1"))
def with_an_alarm(stack: Stack) -> CacheDistribution:
    return CacheDistribution(stack, "News", origin=servers(), alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True))


def test_many_server_errors_raise_an_alarm(synthesis: Synthesis) -> None:
    synthesised = synthesis(with_an_alarm)
    ((_, alarm),) = synthesised.resources("AWS::CloudWatch::Alarm").items()
    ((distribution_id, _),) = synthesised.resources("AWS::CloudFront::Distribution").items()
    properties = alarm["Properties"]
    assert (properties["MetricName"], properties["Threshold"], properties["Statistic"]) == (
        "5xxErrorRate",
        5,
        "Average",
    )
    dimensions = {item["Name"]: item["Value"] for item in properties["Dimensions"]}
    assert dimensions == {"DistributionId": {"Ref": distribution_id}, "Region": "Global"}
    assert properties["AlarmActions"] == properties["OKActions"] != []
    assert synthesised.findings("AwsSolutions", "Serverless") == []


def test_an_alarm_where_cloudfront_has_no_metrics_is_refused() -> None:
    stack = Stack(App(), "Tokyo", env=Environment(region="ap-northeast-1"))
    topic = sns.Topic(stack, "Alarms")
    with pytest.raises(InvalidOptionError, match=r"alarm_topic is in ap-northeast-1, but CloudFront .*us-east-1 only"):
        CacheDistribution(stack, "News", origin=servers(), alarm_topic=topic)


def test_alarms_metrics_and_what_was_added_are_found() -> None:
    stack = Stack(App(), "Virginia", env=Environment(region="us-east-1"))
    news = with_an_alarm(stack)
    assert [alarm.node.id for alarm in news.alarms] == ["ServerErrorsAlarm"]
    assert (news.metric_requests().region, news.metric_server_errors().region) == ("us-east-1", "us-east-1")
    pictures = servers()
    assert news.add_behavior("/pictures/*", pictures).origin is pictures
    api = apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="abc123")
    assert news.add_api(api).viewer_protocol_policy == cloudfront.ViewerProtocolPolicy.HTTPS_ONLY
