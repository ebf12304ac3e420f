"""Board D8: the nearest Region answers, and all that it answers with is in North America."""

import json

import pytest
from aws_cdk import App
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.testing import Synthesis
from stacks.dojo import system
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.permissions import allowed
from tests.stacks.dojo.resources import findings, properties, resources, secret_settings, settings

ASIA, AMERICA, HEALTH = "SketchBook", "SketchBookAmerica", "SketchBookHealth"
NAME = "sketch-book.dojo.example.com."
OF_DATA = ("AWS::DynamoDB::GlobalTable", "AWS::SNS::Topic", "AWS::SecretsManager::Secret")


@pytest.mark.parametrize("stack", [ASIA, AMERICA, HEALTH])
def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion, stack: str) -> None:
    assert synthesis(boards).normalised[stack] == template_snapshot


@pytest.mark.parametrize("stack", [ASIA, AMERICA, HEALTH])
def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion, stack: str) -> None:
    assert synthesis(boards).cards[stack] == card_snapshot


@pytest.mark.parametrize("stack", [ASIA, AMERICA, HEALTH])
def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis, stack: str) -> None:
    assert findings(synthesis, stack) == []


def test_tables_are_in_north_america_only(synthesis: Synthesis) -> None:
    assert resources(synthesis, ASIA, "AWS::DynamoDB::GlobalTable") == []
    tables = resources(synthesis, AMERICA, "AWS::DynamoDB::GlobalTable")
    assert len(tables) == 2
    for table in tables:
        assert len(table["Properties"]["Replicas"]) == 1


def test_both_regions_have_servers_in_two_zones(synthesis: Synthesis) -> None:
    for stack in (ASIA, AMERICA):
        assert properties(synthesis, stack, "AWS::ApplicationAutoScaling::ScalableTarget")["MinCapacity"] == 2
        service = properties(synthesis, stack, "AWS::ECS::Service")
        assert len(service["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]) == 2


def test_people_are_led_to_the_nearest_region_whose_servers_reach_the_data(synthesis: Synthesis) -> None:
    led = {}
    for stack in (ASIA, AMERICA):
        records = [one["Properties"] for one in resources(synthesis, stack, "AWS::Route53::RecordSet")]
        assert {(one["Name"], one["Type"]) for one in records} == {(NAME, "A"), (NAME, "AAAA")}
        [led[stack]] = {one["Region"] for one in records}
        check = properties(synthesis, stack, "AWS::Route53::HealthCheck")["HealthCheckConfig"]
        assert check["ResourcePath"] == "/health/deep"
    assert led == {ASIA: "ap-northeast-1", AMERICA: "us-east-1"}


def test_servers_in_asia_have_all_of_their_data_in_north_america(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, ASIA)
    assert (chosen["CHAT_DATA_REGION"], chosen["CHAT_STORE"]) == ("us-east-1", "table")
    for name in ("TABLE", "BUCKET", "FORM_FUNCTION", "FILE_INDEX", "NOTICE_TOPIC"):
        assert chosen[f"CHAT_{name}"]["Fn::GetStackOutput"]["StackName"] == AMERICA
    assert "CHAT_DATA_REGION" not in settings(synthesis, AMERICA)


def test_a_session_of_one_region_is_known_in_the_other(synthesis: Synthesis) -> None:
    [secret] = resources(synthesis, AMERICA, "AWS::SecretsManager::Secret")
    assert [one["Region"] for one in secret["Properties"]["ReplicaRegions"]] == ["ap-northeast-1"]
    assert resources(synthesis, ASIA, "AWS::SecretsManager::Secret") == []
    for stack in (ASIA, AMERICA):
        assert secret_settings(synthesis, stack) == {"CHAT_SESSION_KEY"}


def test_servers_in_asia_may_do_what_those_in_north_america_may(synthesis: Synthesis) -> None:
    far, near = (allowed(synthesis, stack, "ServersTaskDefinitionTaskRole") for stack in (ASIA, AMERICA))
    assert far.keys() == near.keys()
    everything = json.dumps({action: sorted(on) for action, on in far.items()})
    assert "ap-northeast-1" not in everything
    assert [on for action, each in far.items() for on in each if "*" in on and action != "s3:GetObject"] == []


def test_the_storage_index_lists_accepted_files_only(synthesis: Synthesis) -> None:
    functions = resources(synthesis, AMERICA, "AWS::Lambda::Function")
    prefixes = {
        one["Properties"].get("Environment", {}).get("Variables", {}).get("PREFIX")
        for one in functions
        if "index" in json.dumps(one["Properties"].get("Description", "")).lower()
    }
    assert "accepted/" in prefixes


def test_the_alarms_of_health_checks_are_where_their_metrics_are(synthesis: Synthesis) -> None:
    alarms = [one["Properties"] for one in resources(synthesis, HEALTH, "AWS::CloudWatch::Alarm")]
    assert sum(one.get("MetricName") == "HealthCheckStatus" for one in alarms) == 2


def test_the_other_region_is_another_one() -> None:
    with pytest.raises(InvalidOptionError, match="where Sketch Book!! has its data"):
        system.add_to(App(), {"boards": ["sketch_book"], "region": "us-east-1"})
