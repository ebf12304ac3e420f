"""Board D9: an identity writes what is its own, reads what everybody reads, and nothing else is in between."""

import json
from typing import Any

from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.permissions import allowed
from tests.stacks.dojo.resources import findings, properties, resources

STACK, WEB = "BrowserOnly", "BrowserOnlyWeb"
NAME = "browser-only.dojo.example.com"
ROLE = "IdentitiesRole"


def statements(synthesis: Synthesis) -> list[dict[str, Any]]:
    """What the role of signed-in people may do."""
    policies = [one["Properties"] for one in resources(synthesis, STACK, "AWS::IAM::Policy")]
    [own] = [one for one in policies if str(one["Roles"][0]["Ref"]).startswith(ROLE)]
    found: list[dict[str, Any]] = own["PolicyDocument"]["Statement"]
    return found


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[STACK] == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[STACK] == card_snapshot


def test_stack_of_the_page(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[WEB] == template_snapshot


def test_card_of_the_page(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[WEB] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert findings(synthesis, STACK) == findings(synthesis, WEB) == []


def test_there_is_no_server_no_function_and_no_api(synthesis: Synthesis) -> None:
    template = synthesis(boards).templates[STACK]
    kinds = {one["Type"].rpartition("::")[0] for one in template["Resources"].values()}
    assert kinds == {
        "AWS::CloudWatch",
        "AWS::Cognito",
        "AWS::DynamoDB",
        "AWS::IAM",
        "AWS::KMS",
        "AWS::S3",
        "AWS::SNS",
        "AWS::SQS",  # alarms that could not be mailed
    }


def test_an_identity_writes_below_itself_only(synthesis: Synthesis) -> None:
    own = "${cognito-identity.amazonaws.com:sub}"
    [writing] = [one for one in statements(synthesis) if "dynamodb:PutItem" in one["Action"]]
    assert len(writing["Resource"]) == 2
    assert "/index/" not in json.dumps(writing["Resource"])
    assert writing["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [own]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    [uploads] = [one for one in statements(synthesis) if "s3:PutObject" in one["Action"]]
    assert f"/files/{own}/*" in json.dumps(uploads["Resource"])


def test_everybody_reads_rooms_names_and_pictures_and_no_drafts(synthesis: Synthesis) -> None:
    [reading] = [one for one in statements(synthesis) if one["Action"] == "dynamodb:Query"]
    [messages, by_room, by_name] = [json.dumps(one) for one in reading["Resource"]]
    assert "Messages" in messages
    assert "/index/" not in messages
    assert "/index/by_room" in by_room
    assert "Messages" in by_room
    assert "/index/by_name" in by_name
    assert "People" in by_name
    tables = [one["Properties"] for one in resources(synthesis, STACK, "AWS::DynamoDB::GlobalTable")]
    [people] = [one for one in tables if "by_name" in json.dumps(one["GlobalSecondaryIndexes"])]
    [index] = people["GlobalSecondaryIndexes"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_a_browser_may_publish_to_the_topic_and_nothing_else_of_sns(synthesis: Synthesis) -> None:
    may = allowed(synthesis, STACK, ROLE)
    assert {action for action in may if action.startswith("sns:")} == {"sns:Publish"}
    assert all("Notices" in one for one in may["sns:Publish"])
    services = {action.partition(":")[0] for action in may}
    assert services == {"dynamodb", "kms", "s3", "sns"}
    assert not {one for one in may if one in {"dynamodb:Scan", "dynamodb:PartiQLSelect", "s3:*", "dynamodb:*"}}


def test_only_the_page_may_use_the_bucket_from_a_browser(synthesis: Synthesis) -> None:
    buckets = [one["Properties"] for one in resources(synthesis, STACK, "AWS::S3::Bucket")]
    [rule] = [one["CorsConfiguration"]["CorsRules"][0] for one in buckets if "CorsConfiguration" in one]
    assert rule["AllowedOrigins"] == [f"https://{NAME}"]
    assert rule["AllowedMethods"] == ["GET", "PUT"]


def test_the_page_may_call_the_services_that_it_needs(synthesis: Synthesis) -> None:
    policy = properties(synthesis, WEB, "AWS::CloudFront::ResponseHeadersPolicy")
    headers = json.dumps(policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]["ContentSecurityPolicy"])
    for service in ("cognito-idp", "cognito-identity", "dynamodb", "sns"):
        assert f"https://{service}.ap-northeast-1." in headers
    assert ".s3.ap-northeast-1." in headers
    config = properties(synthesis, WEB, "AWS::CloudFront::Distribution")["DistributionConfig"]
    assert config["Aliases"] == [NAME]


def test_guests_get_nothing(synthesis: Synthesis) -> None:
    pool = properties(synthesis, STACK, "AWS::Cognito::IdentityPool")
    assert (pool["AllowUnauthenticatedIdentities"], pool["AllowClassicFlow"]) == (False, False)
    attached = properties(synthesis, STACK, "AWS::Cognito::IdentityPoolRoleAttachment")["Roles"]
    assert set(attached) == {"authenticated"}
