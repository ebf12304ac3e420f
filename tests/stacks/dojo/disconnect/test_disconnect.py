"""Board D3: what is large or slow does not pass through the servers, and of everything there are two."""

import json

from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.resources import findings, properties, resources, settings

STACK = "Disconnect"


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[STACK] == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[STACK] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert findings(synthesis, STACK) == []


def test_it_is_reached_over_the_internet_without_vpn_and_cdn(synthesis: Synthesis) -> None:
    assert properties(synthesis, STACK, "AWS::ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internet-facing"
    for absent in ("AWS::EC2::VPNGateway", "AWS::EC2::ClientVpnEndpoint", "AWS::CloudFront::Distribution"):
        assert resources(synthesis, STACK, absent) == []


def test_there_are_two_servers_or_more(synthesis: Synthesis) -> None:
    target = properties(synthesis, STACK, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    network = properties(synthesis, STACK, "AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert len(network["Subnets"]) == 2
    assert network["AssignPublicIp"] == "DISABLED"


def test_the_database_has_a_standby_and_survives_the_stack(synthesis: Synthesis) -> None:
    assert len(resources(synthesis, STACK, "AWS::RDS::DBInstance")) == 2
    [cluster] = resources(synthesis, STACK, "AWS::RDS::DBCluster")
    assert cluster["DeletionPolicy"] == "Retain"
    assert cluster["Properties"]["DeletionProtection"]
    # The reader is a standby: nobody reads what is not the latest.
    assert "CHAT_DATABASE_READER_HOST" not in settings(synthesis, STACK)


def test_servers_read_accepted_files_and_write_none(synthesis: Synthesis) -> None:
    policies = [
        policy
        for policy in resources(synthesis, STACK, "AWS::IAM::Policy")
        if "ServersTaskDefinitionTaskRole" in json.dumps(policy["Properties"]["Roles"])
    ]
    statements = [one for policy in policies for one in policy["Properties"]["PolicyDocument"]["Statement"]]
    actions = {
        action
        for one in statements
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    assert {action for action in actions if action.startswith(("s3:", "lambda:"))} == {
        "s3:GetObject",
        "lambda:InvokeFunction",
    }
    [files] = [one for one in statements if one["Action"] == "s3:GetObject"]
    assert "/accepted/*" in json.dumps(files["Resource"])


def test_people_who_are_away_get_notices_by_sns(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, STACK)
    assert chosen["CHAT_NOTICES"] == "topic"
    assert chosen["CHAT_NOTICE_TOPIC"]
    services = {
        json.dumps(one["Properties"]["ServiceName"]) for one in resources(synthesis, STACK, "AWS::EC2::VPCEndpoint")
    }
    assert any("sns" in name for name in services)
