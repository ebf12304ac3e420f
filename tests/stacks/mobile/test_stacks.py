"""What the templates of the mobile backend promise: one front, and behind it each part for its users only."""

import json
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from stacks.mobile.backend_stack import ACCESS_TOKENS
from tests.stacks.mobile.architectures import mobile, without_a_name

STACKS = ["MobileBackend", "MobileFront"]


@pytest.mark.parametrize("stack", STACKS)
def test_stack(stack: str, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(mobile).normalised[stack] == template_snapshot


@pytest.mark.parametrize("stack", STACKS)
def test_card(stack: str, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(mobile).cards[stack] == card_snapshot


@pytest.mark.parametrize("build", [mobile, without_a_name])
def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis, build: Any) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def resources(synthesis: Synthesis, stack: str, kind: str, build: Any = mobile) -> dict[str, dict[str, Any]]:
    template = synthesis(build).templates[stack]
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


def test_each_route_but_the_link_of_mails_asks_for_a_token(synthesis: Synthesis) -> None:
    routes = resources(synthesis, "MobileBackend", "AWS::ApiGatewayV2::Route").values()
    open_to_all = {one["RouteKey"] for one in routes if one["AuthorizationType"] != "JWT"}
    assert open_to_all == {"GET /unsubscribe", "POST /unsubscribe"}
    methods = resources(synthesis, "MobileBackend", "AWS::ApiGateway::Method").values()
    asked = {one["AuthorizationType"] for one in methods if one["HttpMethod"] != "OPTIONS"}
    assert asked == {"COGNITO_USER_POOLS"}


def test_each_token_is_an_access_token(synthesis: Synthesis) -> None:
    routes = resources(synthesis, "MobileBackend", "AWS::ApiGatewayV2::Route").values()
    scopes = {one["RouteKey"]: one.get("AuthorizationScopes") for one in routes if one["AuthorizationType"] == "JWT"}
    assert {"POST /uploads", "POST /downloads", "GET /saves", "PUT /notices"} <= set(scopes)
    assert {route: found for route, found in scopes.items() if found != list(ACCESS_TOKENS)} == {}
    methods = resources(synthesis, "MobileBackend", "AWS::ApiGateway::Method").values()
    of_direct = [one["AuthorizationScopes"] for one in methods if one["HttpMethod"] != "OPTIONS"]
    assert of_direct == [list(ACCESS_TOKENS)] * 5


def test_direct_requests_reach_no_function(synthesis: Synthesis) -> None:
    methods = resources(synthesis, "MobileBackend", "AWS::ApiGateway::Method").values()
    called = [json.dumps(one["Integration"].get("Uri", "")) for one in methods if one["HttpMethod"] != "OPTIONS"]
    assert len(called) == 5
    assert not any("lambda" in one for one in called)
    assert sum(":dynamodb:action/" in one for one in called) == 4
    assert sum(":sns:path/" in one for one in called) == 1


def test_apis_and_s3_are_behind_the_front_and_its_firewall(synthesis: Synthesis) -> None:
    (distribution,) = resources(synthesis, "MobileFront", "AWS::CloudFront::Distribution").values()
    settings = distribution["DistributionConfig"]
    assert "WebACLId" in settings
    assert settings["Aliases"] == ["mobile.example.com"]
    assert settings["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    behaviours = {one["PathPattern"]: one for one in settings["CacheBehaviors"]}
    assert set(behaviours) == {"/api/*", "/direct/*"}
    assert {one["ViewerProtocolPolicy"] for one in behaviours.values()} == {"https-only"}
    assert "FunctionAssociations" in behaviours["/api/*"]
    origins = json.dumps(settings["Origins"])
    assert origins.count("execute-api") == 2
    assert '"OriginPath": "/live"' in origins
    (bucket,) = [name for name in resources(synthesis, "MobileFront", "AWS::S3::Bucket") if name.startswith("Front")]
    assert f'"{bucket}"' in origins


def test_the_name_has_records_in_its_zone(synthesis: Synthesis) -> None:
    records = resources(synthesis, "MobileFront", "AWS::Route53::RecordSet").values()
    assert {(one["Name"], one["Type"]) for one in records} == {
        ("mobile.example.com.", "A"),
        ("mobile.example.com.", "AAAA"),
    }
    assert resources(synthesis, "NamelessFront", "AWS::Route53::RecordSet", without_a_name) == {}


def test_what_calls_further_services_takes_fewer_requests(synthesis: Synthesis) -> None:
    (stage,) = resources(synthesis, "MobileBackend", "AWS::ApiGatewayV2::Stage").values()
    limits = {route: one["ThrottlingRateLimit"] for route, one in stage["RouteSettings"].items()}
    assert limits["POST /uploads"] == limits["POST /downloads"] == 200
    assert limits["PUT /notices"] == limits["POST /devices"] == limits["GET /unsubscribe"] == 100
    (direct,) = resources(synthesis, "MobileBackend", "AWS::ApiGateway::Stage").values()
    paths = {one["ResourcePath"]: one["ThrottlingRateLimit"] for one in direct["MethodSettings"]}
    assert paths["/~1direct~1reports"] == 50


def test_every_queue_before_a_function_has_a_place_for_failures(synthesis: Synthesis) -> None:
    queues = resources(synthesis, "MobileBackend", "AWS::SQS::Queue")
    mappings = resources(synthesis, "MobileBackend", "AWS::Lambda::EventSourceMapping").values()
    sources = {one["EventSourceArn"]["Fn::GetAtt"][0] for one in mappings}
    assert sources
    assert [name for name in sources if "RedrivePolicy" not in queues[name]] == []


def test_scores_of_a_user_are_the_users_own(synthesis: Synthesis) -> None:
    policies = resources(synthesis, "MobileBackend", "AWS::IAM::Policy").values()
    statements = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
    of_scores = [one for one in statements if "DirectScores" in json.dumps(one["Resource"])]
    assert len(of_scores) == 1
    assert of_scores[0]["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SCORE#*"]}}
