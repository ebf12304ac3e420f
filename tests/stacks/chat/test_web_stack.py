"""What the web client's template promises."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from cdp_constructs.testing import Synthesis, architecture
from stacks.chat import system, web_stack
from tests.stacks.chat.architectures import two_regions
from tests.stacks.chat.test_stacks import only, resources, routed

EXISTING = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/chat/00000000-0000-4000-8000-000000000000"


@architecture
def without_a_name(app: App) -> None:
    """The chat whose web client has no name of its own, and whose Regions have none in common."""
    context = {"latency_routing": False, "notices": None, "alarm_email": None, "web_acl_arn": EXISTING}
    system.add_to(app, {**app.node.try_get_context("chat"), **context}, name="Nameless")


@pytest.fixture
def web(synthesis: Synthesis) -> dict[str, Any]:
    return synthesis(without_a_name).templates["NamelessWeb"]


@pytest.fixture
def routed_web(synthesis: Synthesis) -> dict[str, Any]:
    return synthesis(two_regions).templates["ChatWeb"]


@pytest.fixture
def named(synthesis: Synthesis) -> dict[str, Any]:
    return synthesis(routed).templates["RoutedChatWeb"]


def flat(value: Any) -> str:
    """Write a value with what it refers to by the other stack's name and the resource's."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        return "".join(flat(part) for part in value["Fn::Join"][1])
    if "Fn::GetStackOutput" in value:
        output = value["Fn::GetStackOutput"]
        return f"<{output['StackName']}.{output['OutputName']}>"
    return {"AWS::URLSuffix": "amazonaws.com"}.get(value.get("Ref", ""), f"<{json.dumps(value)}>")


def policy(template: dict[str, Any]) -> dict[str, list[str]]:
    headers = only(template, "AWS::CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
    text = flat(headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"])
    return {name: sources for name, *sources in (directive.split() for directive in text.split("; "))}


def configuration(template: dict[str, Any]) -> list[str]:
    """The values of config.json that are known at deployment only."""
    (site,) = resources(template, "Custom::CDKBucketDeployment", "WebSiteCustomResource").values()
    return [flat(value).strip('"') for markers in site["SourceMarkers"] for value in markers.values()]


def test_pages_may_call_exactly_what_the_chat_has(routed_web: dict[str, Any]) -> None:
    allowed = policy(routed_web)
    assert allowed["script-src"] == allowed["style-src"] == ["'self'"]
    hosts = allowed["connect-src"]
    assert hosts[0:2] == ["'self'", "https://cognito-idp.ap-northeast-1.amazonaws.com"]
    for region in ("ap-northeast-1", "us-west-2"):
        own = [host for host in hosts if f"<Chat-{region}." in host]
        kinds = [
            f".execute-api.{region}.amazonaws.com" in host or "wss://" in host or f".s3.{region}.amazonaws.com" in host
            for host in own
        ]
        assert kinds == [True, True, True], own
    assert len(hosts) == 8
    assert len(allowed["img-src"]) == len(["'self'", "data:", "blob:"]) + 2
    assert "unsafe" not in json.dumps(allowed)


def test_without_a_name_everything_a_page_calls_is_below_its_own(web: dict[str, Any]) -> None:
    hosts = policy(web)["connect-src"]
    assert hosts[0:2] == ["'self'", "https://cognito-idp.ap-northeast-1.amazonaws.com"]
    assert [host.partition("://")[0] for host in hosts[2:]] == ["wss", "wss"]
    distribution = only(web, "AWS::CloudFront::Distribution")["DistributionConfig"]
    origins = {one["Id"]: flat(one["DomainName"]) for one in distribution["Origins"]}
    leads = {one["PathPattern"]: origins[one["TargetOriginId"]] for one in distribution["CacheBehaviors"]}
    # The home Region's own API is behind /api already.
    assert set(leads) == {
        "/api/*",
        "/regions/us-west-2/api/*",
        "/regions/ap-northeast-1/uploads/*",
        "/regions/us-west-2/uploads/*",
    }
    assert ".execute-api.ap-northeast-1." in leads["/api/*"]
    assert ".execute-api.us-west-2." in leads["/regions/us-west-2/api/*"]
    for region in ("ap-northeast-1", "us-west-2"):
        assert leads[f"/regions/{region}/uploads/*"].endswith(f".s3.{region}.amazonaws.com")
    values = configuration(web)
    assert not any("execute-api" in value for value in values)
    assert "https://cognito-idp.ap-northeast-1.amazonaws.com/" in values


def test_with_routing_the_nearest_region_answers_and_a_name_of_ones_own_is_in_the_zone(named: dict[str, Any]) -> None:
    distribution = only(named, "AWS::CloudFront::Distribution")["DistributionConfig"]
    assert distribution["Aliases"] == ["chat.example.com"]
    assert "api.chat.example.com" in [flat(one["DomainName"]) for one in distribution["Origins"]]
    values = configuration(named)
    for region in ("ap-northeast-1", "us-west-2"):
        assert sum(f"execute-api.{region}" in value for value in values) == 1
    records = resources(named, "AWS::Route53::RecordSet").values()
    assert {(record["Name"], record["Type"]) for record in records} == {
        ("chat.example.com.", "A"),
        ("chat.example.com.", "AAAA"),
    }


def test_a_firewall_is_in_front_of_the_site_and_an_existing_one_takes_its_place(
    web: dict[str, Any], routed_web: dict[str, Any], synthesis: Synthesis
) -> None:
    def attached(template: dict[str, Any]) -> str:
        return flat(only(template, "AWS::CloudFront::Distribution")["DistributionConfig"]["WebACLId"])

    edge = synthesis(two_regions).templates["ChatEdge"]
    (acl_id,) = resources(edge, "AWS::WAFv2::WebACL")
    assert attached(routed_web).startswith("<ChatEdge.")
    assert acl_id in json.dumps(edge["Outputs"])
    rules = {rule["Name"]: rule for rule in only(edge, "AWS::WAFv2::WebACL")["Rules"]}
    assert list(rules) == ["RateLimit", "CommonRuleSet", "KnownBadInputsRuleSet", "AmazonIpReputationList"]
    # Messages say what people like.
    assert "CrossSiteScripting_BODY" in json.dumps(rules["CommonRuleSet"]["Statement"])
    assert attached(web) == EXISTING
    assert "NamelessEdge" not in synthesis(without_a_name).templates


def test_the_web_clients_certificate_is_made_in_the_zone_unless_there_is_one(synthesis: Synthesis) -> None:
    certificate = only(synthesis(two_regions).templates["ChatEdge"], "AWS::CertificateManager::Certificate")
    assert certificate["DomainName"] == "chat.example.com"
    assert certificate["DomainValidationOptions"] == [
        {"DomainName": "chat.example.com", "HostedZoneId": "Z00000PLACEHOLDER"}
    ]
    assert not resources(synthesis(routed).templates["RoutedChatEdge"], "AWS::CertificateManager::Certificate")


def test_the_own_name_may_upload_and_call_every_region(synthesis: Synthesis) -> None:
    template = synthesis(routed).templates["RoutedChat-us-west-2"]
    (cors,) = [
        one["CorsConfiguration"]
        for one in resources(template, "AWS::S3::Bucket").values()
        if "CorsConfiguration" in one
    ]
    assert cors["CorsRules"][0]["AllowedOrigins"] == ["https://chat.example.com"]
    assert only(template, "AWS::ApiGatewayV2::Api")["CorsConfiguration"]["AllowOrigins"] == ["https://chat.example.com"]


def test_the_site_is_read_from_another_region_when_home_fails(web: dict[str, Any], synthesis: Synthesis) -> None:
    distribution = only(web, "AWS::CloudFront::Distribution")["DistributionConfig"]
    assert distribution["OriginGroups"]["Quantity"] == 1
    # Both buckets get the assets first and then the pages.
    assert len(resources(web, "Custom::CDKBucketDeployment")) == 4
    copy = synthesis(without_a_name).templates["NamelessWebCopy"]
    statements = only(copy, "AWS::S3::BucketPolicy", "BucketPolicy")["PolicyDocument"]["Statement"]
    reads = [one for one in statements if one["Effect"] == "Allow"]
    assert {one["Action"] for one in reads} == {"s3:GetObject", "s3:ListBucket"}
    for one in reads:
        assert one["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert "AWS:SourceArn" in one["Condition"]["ArnLike"]


def test_a_client_that_is_not_built_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_stack, "DIST", tmp_path)
    context = {"regions": ["eu-west-1"], "allowed_origins": ["https://chat.example.com"]}
    with pytest.raises(system.ConfigurationError, match=r"web client is not built .*Run: make web$"):
        system.add_to(App(), context)


@pytest.mark.parametrize("layer", ["PILLOW_LAYER", "WEB_PUSH_LAYER"])
def test_a_layer_that_is_not_built_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str) -> None:
    monkeypatch.setattr(system, layer, tmp_path)
    with pytest.raises(system.ConfigurationError, match=r"layer .* is not built .*Run: make install$"):
        system.add_to(App(), None)
