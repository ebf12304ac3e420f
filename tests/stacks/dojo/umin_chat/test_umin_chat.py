"""Board D5: what everybody reads comes from edge locations, and what an author has written is never missing for him."""

from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.permissions import allowed
from tests.stacks.dojo.resources import findings, properties, resources, settings

STACK, EDGE = "UminChat", "UminChatEdge"
NAME, ORIGIN = "umin-chat.dojo.example.com", "umin-chat-origin.dojo.example.com"


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[STACK] == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[STACK] == card_snapshot


def test_stack_of_the_edge_locations(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[EDGE] == template_snapshot


def test_card_of_edge(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[EDGE] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert findings(synthesis, STACK) == findings(synthesis, EDGE) == []


def test_a_page_lives_for_a_second_and_its_path_alone_tells_rooms_apart(synthesis: Synthesis) -> None:
    policy = properties(synthesis, EDGE, "AWS::CloudFront::CachePolicy")["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 0, 1)
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["HeadersConfig"] == {"HeaderBehavior": "none"}
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "none"}
    config = properties(synthesis, EDGE, "AWS::CloudFront::Distribution")["DistributionConfig"]
    page, rest = config["CacheBehaviors"]
    assert (page["PathPattern"], rest["PathPattern"]) == ("/rooms/*/page", "/*")
    assert "Ref" in page["CachePolicyId"]
    assert (rest["CachePolicyId"], "POST" in rest["AllowedMethods"]) == ("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", True)
    assert settings(synthesis, STACK)["CHAT_PUBLIC_ROOMS"] == "true"


def test_cloudfront_asks_the_load_balancer_by_a_name_that_has_a_certificate(synthesis: Synthesis) -> None:
    config = properties(synthesis, EDGE, "AWS::CloudFront::Distribution")["DistributionConfig"]
    assert config["Aliases"] == [NAME]
    assert {origin["DomainName"] for origin in config["Origins"]} == {ORIGIN}
    assert {origin["CustomOriginConfig"]["OriginProtocolPolicy"] for origin in config["Origins"]} == {"https-only"}
    assert properties(synthesis, STACK, "AWS::CertificateManager::Certificate")["DomainName"] == ORIGIN
    assert properties(synthesis, STACK, "AWS::Route53::RecordSet")["Name"] == f"{ORIGIN}."
    records = [one["Properties"] for one in resources(synthesis, EDGE, "AWS::Route53::RecordSet")]
    assert sorted((one["Name"], one["Type"]) for one in records) == [(f"{NAME}.", "A"), (f"{NAME}.", "AAAA")]


def test_servers_read_from_replicas_and_write_to_the_writer(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, STACK)
    assert len(resources(synthesis, STACK, "AWS::RDS::DBInstance")) == 3
    assert chosen["CHAT_DATABASE_HOST"]["Fn::GetAtt"][1] == "Endpoint.Address"
    assert chosen["CHAT_DATABASE_READER_HOST"]["Fn::GetAtt"][1] == "ReadEndpoint.Address"


def test_servers_may_do_what_the_board_needs_and_nothing_else(synthesis: Synthesis) -> None:
    may = allowed(synthesis, STACK, "ServersTaskDefinitionTaskRole")
    assert set(may) == {
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "lambda:InvokeFunction",
        "s3:GetObject",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "sns:Publish",
    }
    assert all("/accepted/*" in resource for resource in may["s3:GetObject"])
    assert all("FormFunction" in resource for resource in may["lambda:InvokeFunction"])
    assert all("Notices" in resource for resource in may["sns:Publish"] | may["kms:GenerateDataKey"])
    assert all("Database" in resource for resource in may["secretsmanager:GetSecretValue"])


def test_what_fails_is_told_to_the_operators_of_both_stacks(synthesis: Synthesis) -> None:
    def told(stack: str) -> str:
        alarms = [one["Properties"] for one in resources(synthesis, stack, "AWS::CloudWatch::Alarm")]
        return "\n".join(
            one["AlarmDescription"] for one in alarms if "AlarmsFanoutTopic" in str(one.get("AlarmActions"))
        )

    assert "of the answers are 5xx" in told(EDGE)
    for part in ("Servers", "Front", "Database", "Files", "Servers/DeepHealth"):
        assert f"{STACK}/{part}: " in told(STACK)
