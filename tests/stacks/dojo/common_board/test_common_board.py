"""Board D10: what most groups drew, over a table that has no server."""

from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.permissions import allowed
from tests.stacks.dojo.resources import findings, properties, resources, settings

STACK = "CommonBoard"


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[STACK] == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[STACK] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert findings(synthesis, STACK) == []


def test_there_is_no_database_server_and_the_table_survives_the_stack(synthesis: Synthesis) -> None:
    for absent in ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::ElastiCache::ReplicationGroup"):
        assert resources(synthesis, STACK, absent) == []
    [table] = resources(synthesis, STACK, "AWS::DynamoDB::GlobalTable")
    assert table["DeletionPolicy"] == "Retain"
    [replica] = table["Properties"]["Replicas"]
    assert replica["DeletionProtectionEnabled"]
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


def test_servers_use_the_table_and_ask_each_other_every_second(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, STACK)
    assert (chosen["CHAT_STORE"], chosen["CHAT_FAN_OUT"], chosen["CHAT_NOTICES"]) == ("table", "polling", "topic")
    assert chosen["CHAT_TABLE"]["Ref"].startswith("StoreTable")
    assert not [name for name in chosen if name.startswith("CHAT_DATABASE")]


def test_servers_reach_items_of_one_table_and_its_index(synthesis: Synthesis) -> None:
    may = allowed(synthesis, STACK, "ServersTaskDefinitionTaskRole")
    table = {action: on for action, on in may.items() if action.startswith("dynamodb:")}
    assert set(table) == {
        f"dynamodb:{one}Item" for one in ("BatchGet", "BatchWrite", "Delete", "Get", "Put", "Update")
    } | {"dynamodb:Query"}
    assert {len(on) for action, on in table.items() if action != "dynamodb:Query"} == {1}
    assert sum("/index/by_author" in each for each in table["dynamodb:Query"]) == 1
    assert not [each for on in table.values() for each in on if "*" in each]


def test_servers_reach_the_table_inside_the_network(synthesis: Synthesis) -> None:
    kinds = {
        one["Properties"]["VpcEndpointType"]: one["Properties"]["ServiceName"]
        for one in resources(synthesis, STACK, "AWS::EC2::VPCEndpoint")
        if "dynamodb" in str(one["Properties"]["ServiceName"])
    }
    assert set(kinds) == {"Gateway"}
    assert resources(synthesis, STACK, "AWS::EC2::NatGateway") == []


def test_there_are_two_servers_or_more(synthesis: Synthesis) -> None:
    target = properties(synthesis, STACK, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
