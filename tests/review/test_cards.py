"""A card says in sentences what a template says, and changes by a line where the architecture changes by one thing."""

import difflib
import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.review.cards.card import Card
from cdp_constructs.review.cards.formats import as_markdown, as_mermaid, as_text
from cdp_constructs.review.templates import Template
from tests.review.templates import TemplateBody, chat, edited, iot, properties, shop


def card(body: TemplateBody, name: str = "Shop") -> str:
    return as_text(Card(Template(name, body)))


def changed_lines(before: str, now: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


def test_a_card_is_what_a_person_would_write() -> None:
    assert (
        card(shop())
        == """\
Shop
A shop

  runs      1 function
  answers   1 API, 1 route
  passes on 1 topic, 2 queues, 1 event source mapping
  keeps     1 table
  watches   1 alarm
  acts as   1 role
  may       3 sentences, 2 of them wide
  internet  1 from there, 1 of them without credentials
  fails to  2 kinds of work, 1 lost, 0 without an alarm
  accepted  0 findings
  costs     $0.10 a month at rest

sends
  OrdersQueue -> Worker   10 a batch
  OrdersTopic -> OrdersQueue   if total [{"numeric": [">=", 1000]}]
  Worker -> Table   writes

may
  * requests without TLS are not refused by queues Failed, OrdersQueue
  * requests without TLS are not refused by topics OrdersTopic
    Worker may dynamodb GetItem, PutItem on Table

internet
  * Api GET /health -> Worker   asks for nothing

at rest
  queue Failed, under SQS's own key, 14 days, not retained on deletion and replacement
  queue OrdersQueue, under SQS's own key, 4 days, not retained on deletion and replacement
  table Table, under DynamoDB's own key, point-in-time recovery, retained on deletion and replacement
  topic OrdersTopic, under no key, not retained on deletion and replacement

fails to
    OrdersQueue received: after 5 deliveries -> Failed   alarm FailedAlarm
  * OrdersTopic to OrdersQueue: what cannot be delivered is LOST

limits
  256 MB, 10 seconds a call: Worker
  visible again after 1 minute: OrdersQueue
  visible again after 30 seconds: Failed

accepted
  no finding

costs at rest
  a month, list prices of us-east-1, November 2026; use comes on top
  $0.10   1 x CloudWatch Alarm
"""
    )


@pytest.mark.parametrize("system", [chat, iot])
def test_a_whole_system_fits_on_a_few_pages(system: Callable[[], TemplateBody]) -> None:
    lines = card(system()).splitlines()
    assert len(lines) <= 350
    assert lines.index("sends") <= 30


@pytest.mark.parametrize("system", [chat, iot])
def test_nothing_of_our_systems_is_lost_or_silent(system: Callable[[], TemplateBody]) -> None:
    failures = Card(Template("System", system())).failures
    assert len(failures) > 10
    assert [str(failure) for failure in failures if not failure.whole] == []


def code_of_a_function(body: TemplateBody) -> None:
    for one in body["Resources"].values():
        if one["Type"] == "AWS::Lambda::Function":
            one["Properties"]["Code"] = {"S3Bucket": "other", "S3Key": "other.zip"}


def other_layer(body: TemplateBody) -> None:
    for one in body["Resources"].values():
        if one["Type"] == "AWS::Lambda::LayerVersion":
            one["Properties"]["Content"] = {"S3Bucket": "other", "S3Key": "other.zip"}


def version_of_the_cdk(body: TemplateBody) -> None:
    body["Resources"]["CDKMetadata"] = {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:deflate64:H4sI"}}


def order_of_resources(body: TemplateBody) -> None:
    body["Resources"] = dict(reversed(body["Resources"].items()))


@pytest.mark.parametrize("edit", [code_of_a_function, other_layer, version_of_the_cdk, order_of_resources])
@pytest.mark.parametrize("system", [chat, iot])
def test_what_aws_does_not_see_changes_no_line(
    edit: Callable[[TemplateBody], None], system: Callable[[], TemplateBody]
) -> None:
    assert changed_lines(card(system()), card(edited(system(), edit))) == []


def test_one_grant_changes_its_line_only() -> None:
    def grant(body: TemplateBody) -> None:
        statements = properties(body, "IAM::Policy", "MessagesArchiver")["PolicyDocument"]["Statement"]
        statement = next(one for one in statements if "s3:PutObject" in json.dumps(one))
        statement["Action"] = ["s3:PutObject", "s3:DeleteObject"]

    changed = changed_lines(card(chat()), card(edited(chat(), grant)))
    assert changed == [
        "-    MessagesArchiver may s3 PutObject on MessagesArchiveBucket/messages/*",
        "+    MessagesArchiver may s3 DeleteObject, PutObject on MessagesArchiveBucket/messages/*",
    ]


def route(**more: Any) -> TemplateBody:
    body = shop()
    body["Resources"]["Health1A2B3C4D"]["Properties"] |= more
    return body


@pytest.mark.parametrize(
    ("kind", "resource", "line"),
    [
        ("AWS::Lambda::Url", {"AuthType": "NONE", "TargetFunctionArn": "f"}, "* URL of f   asks for nothing"),
        ("AWS::Lambda::Url", {"AuthType": "AWS_IAM", "TargetFunctionArn": "f"}, "  URL of f   asks for IAM signature"),
        (
            "AWS::S3::Bucket",
            {
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                }
            },
            "* New without BlockPublicPolicy   asks for what its policy and ACLs say",
        ),
        (
            "AWS::EC2::SecurityGroup",
            {"SecurityGroupIngress": [{"CidrIp": "0.0.0.0/0", "FromPort": 22, "IpProtocol": "tcp", "ToPort": 22}]},
            "* New tcp port 22   asks for nothing, from any address",
        ),
        (
            "AWS::S3::BucketPolicy",
            {
                "Bucket": "files",
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Action": "s3:GetObject",
                            "Effect": "Allow",
                            "Principal": "*",
                            "Resource": "arn:aws:s3:::files/*",
                        }
                    ]
                },
            },
            "* s3:files/* s3 GetObject   asks for nothing",
        ),
        ("AWS::RDS::DBInstance", {"PubliclyAccessible": True}, "* New   asks for a password, from any address"),
        (
            "AWS::Cognito::UserPool",
            {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False}},
            "* New sign-up   asks for nothing, who signs up gets an account",
        ),
    ],
)
def test_a_way_in_is_on_the_card(kind: str, resource: dict[str, Any], line: str) -> None:
    body = {"Resources": {"New1A2B3C4D": {"Type": kind, "Properties": resource}}}
    assert line in card(body)


def test_a_function_that_an_event_invokes_without_a_place_for_failures_stands_out() -> None:
    body = shop()
    body["Resources"]["Rule1A2B3C4D"] = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "ScheduleExpression": "rate(1 hour)",
            "Targets": [{"Arn": {"Fn::GetAtt": ["Worker1A2B3C4D", "Arn"]}, "Id": "Target0"}],
        },
    }
    text = card(body)
    assert "* Worker invoked: what fails twice more is LOST" in text
    assert "* Rule to Worker: what cannot be delivered is LOST" in text
    assert "schedule rate(1 hour) -> Worker" in text


def test_markdown_has_the_diagram_and_every_section() -> None:
    text = as_markdown(Card(Template("Shop", shop())))
    assert "```mermaid\nflowchart LR\n" in text
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        "### Sends",
        "### May",
        "### Internet",
        "### At rest",
        "### Fails to",
        "### Limits",
        "### Accepted",
        "### Costs at rest",
    ]


def test_a_diagram_has_a_node_for_each_end_and_quotes_names() -> None:
    body = shop()
    body["Resources"]["Subscription1A2B3C4D"]["Properties"] |= {
        "Protocol": "https",
        "Endpoint": 'https://a.example/"<x>',
    }
    lines = as_mermaid(Card(Template("Shop", body))).splitlines()
    assert lines[0] == "flowchart LR"
    assert '  n3["https https://a.example/#34;#60;x#62;"]' in lines
    assert "  n2 --> n3" in lines


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Resources": {}},
        {"Resources": {"A": {"Type": "AWS::S3::Bucket"}}},
        {"Resources": {"A": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Fn::If": ["C", {}, {}]}}}}},
        {"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"Fn::Transform": "x"}}}},
    ],
)
def test_templates_of_any_kind_have_a_card(body: TemplateBody) -> None:
    assert card(body).startswith("Shop\n")
