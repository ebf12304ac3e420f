"""Board D4: servers keep nothing of anybody, people are reached on what they have, and what is logged stays."""

from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.permissions import allowed
from tests.stacks.dojo.resources import findings, properties, resources, settings

STACK = "ElastiCache"


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[STACK] == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[STACK] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert findings(synthesis, STACK) == []


def test_sessions_are_in_a_table_that_survives_the_stack_and_not_in_a_cache(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, STACK)
    assert chosen["CHAT_SESSIONS"] == "table"
    [table] = resources(synthesis, STACK, "AWS::DynamoDB::GlobalTable")
    assert table["DeletionPolicy"] == "Retain"
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert resources(synthesis, STACK, "AWS::ElastiCache::ReplicationGroup") == []


def test_there_are_two_servers_or_more(synthesis: Synthesis) -> None:
    target = properties(synthesis, STACK, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)


def test_notices_are_mails_and_pushes_and_both_services_are_reached_inside_the_network(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, STACK)
    assert chosen["CHAT_NOTICES"] == "device"
    assert chosen["CHAT_MAIL_SENDER"] == "Chat <chat@elasticache.dojo.example.com>"
    assert chosen["CHAT_NOTICE_TOPIC"]
    endpoints = [str(one["Properties"]["ServiceName"]) for one in resources(synthesis, STACK, "AWS::EC2::VPCEndpoint")]
    for service in ("email", "sns", "dynamodb"):
        assert any(name.rstrip("'}]").endswith(service) for name in endpoints), endpoints
    assert resources(synthesis, STACK, "AWS::EC2::NatGateway") == []


def test_mail_is_encrypted_on_its_way_and_goes_to_nobody_who_bounced_or_complained(synthesis: Synthesis) -> None:
    identity = properties(synthesis, STACK, "AWS::SES::EmailIdentity")
    assert identity["EmailIdentity"] == "elasticache.dojo.example.com"
    configuration = properties(synthesis, STACK, "AWS::SES::ConfigurationSet")
    assert configuration["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert configuration["SuppressionOptions"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}


def test_lines_of_servers_and_of_the_functions_of_uploads_go_to_s3(synthesis: Synthesis) -> None:
    filters = [one["Properties"] for one in resources(synthesis, STACK, "AWS::Logs::SubscriptionFilter")]
    services = [one["FilterName"] for one in filters]
    assert services.count("chat") == 1
    assert services.count("files") >= 2
    assert all("DeliveryStream" in str(one["DestinationArn"]) for one in filters)
    [of_servers] = [one["LogGroupName"]["Ref"] for one in filters if one["FilterName"] == "chat"]
    assert of_servers.startswith("Servers")


def test_servers_may_do_what_the_board_needs_and_nothing_else(synthesis: Synthesis) -> None:
    may = allowed(synthesis, STACK, "ServersTaskDefinitionTaskRole")
    assert set(may) == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "lambda:InvokeFunction",
        "s3:GetObject",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "ses:SendEmail",
        "sns:Publish",
    }
    assert all("SessionsTable" in resource for resource in may["dynamodb:PutItem"])
    assert all("Identity" in one or "configuration-set" in one for one in may["ses:SendEmail"])
    assert all("Notices" in resource for resource in may["sns:Publish"])


def test_servers_reach_sessions_only_in_the_table(synthesis: Synthesis) -> None:
    statements = [
        statement
        for policy in resources(synthesis, STACK, "AWS::IAM::Policy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "dynamodb:PutItem" in statement["Action"]
    ]
    [condition] = [statement["Condition"] for statement in statements]
    assert condition == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SESSION#*"]}}


def test_what_fails_is_told_to_the_operators(synthesis: Synthesis) -> None:
    alarms = [one["Properties"] for one in resources(synthesis, STACK, "AWS::CloudWatch::Alarm")]
    told = "\n".join(one["AlarmDescription"] for one in alarms if "AlarmsFanoutTopic" in str(one.get("AlarmActions")))
    for part in ("Servers", "Front", "Database", "Files", "Sessions", "Logs", "Servers/DeepHealth"):
        assert f"{STACK}/{part}: " in told
    assert "BounceRate of mails" in told
