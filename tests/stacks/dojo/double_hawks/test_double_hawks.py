"""Board D1: three Regions in a mesh read their own replica, and write to the first one; two monitors look on."""

import json
from typing import Any

import pytest
from aws_cdk import App
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.testing import Synthesis, reached_subnets
from stacks.dojo import system
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.permissions import allowed
from tests.stacks.dojo.resources import findings, properties, resources, secret_settings, settings

HOME, AMERICA, EUROPE = "DoubleHawks", "DoubleHawksAmerica", "DoubleHawksEurope"
REGIONS = {HOME: "ap-northeast-1", AMERICA: "us-east-1", EUROPE: "eu-central-1"}
ABROAD = (AMERICA, EUROPE)
STACKS = (*REGIONS, *(f"DoubleHawks{one}" for one in ("PeeringsHome", "PeeringsAmerica", "PeeringsEurope", "Health")))
NAME = "double-hawks.dojo.example.com."
SERVERS = "ServersTaskDefinitionTaskRole"


@pytest.mark.parametrize("stack", STACKS)
def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion, stack: str) -> None:
    assert synthesis(boards).normalised[stack] == template_snapshot


@pytest.mark.parametrize("stack", STACKS)
def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion, stack: str) -> None:
    assert synthesis(boards).cards[stack] == card_snapshot


@pytest.mark.parametrize("stack", STACKS)
def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis, stack: str) -> None:
    assert findings(synthesis, stack) == []


def test_the_table_has_a_replica_in_every_region_and_an_owner_in_one(synthesis: Synthesis) -> None:
    [table] = resources(synthesis, HOME, "AWS::DynamoDB::GlobalTable")
    assert {one["Region"] for one in table["Properties"]["Replicas"]} == set(REGIONS.values())
    assert table["DeletionPolicy"] == "Retain"
    for stack in ABROAD:
        assert resources(synthesis, stack, "AWS::DynamoDB::GlobalTable") == []


def test_every_region_has_two_servers_or_more_in_two_zones(synthesis: Synthesis) -> None:
    for stack in REGIONS:
        targets = [
            one["Properties"] for one in resources(synthesis, stack, "AWS::ApplicationAutoScaling::ScalableTarget")
        ]
        assert [(one["MinCapacity"], one["MaxCapacity"]) for one in targets if one["MinCapacity"]] == [(2, 6)]
        services = [one["Properties"] for one in resources(synthesis, stack, "AWS::ECS::Service")]
        for service in services:
            assert len(service["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]) == 2


def test_people_are_led_to_the_nearest_region_whose_servers_read_their_replica(synthesis: Synthesis) -> None:
    for stack, region in REGIONS.items():
        records = [one["Properties"] for one in resources(synthesis, stack, "AWS::Route53::RecordSet")]
        assert {(one["Name"], one["Type"], one["Region"]) for one in records} == {
            (NAME, "A", region),
            (NAME, "AAAA", region),
        }
        check = properties(synthesis, stack, "AWS::Route53::HealthCheck")["HealthCheckConfig"]
        assert check["ResourcePath"] == "/health/deep"
    alarms = [one["Properties"] for one in resources(synthesis, "DoubleHawksHealth", "AWS::CloudWatch::Alarm")]
    assert sum(one.get("MetricName") == "HealthCheckStatus" for one in alarms) == len(REGIONS)


def test_servers_read_at_home_and_write_where_rooms_are_numbered(synthesis: Synthesis) -> None:
    for stack in ABROAD:
        chosen = settings(synthesis, stack)
        assert (chosen["CHAT_DATA_REGION"], chosen["CHAT_REPLICA_REGION"]) == ("ap-northeast-1", REGIONS[stack])
        for name in ("TABLE", "NOTICE_TOPIC", "USER_POOL_ID", "USER_POOL_CLIENT"):
            assert chosen[f"CHAT_{name}"]["Fn::GetStackOutput"]["StackName"] == HOME
    assert not {"CHAT_DATA_REGION", "CHAT_REPLICA_REGION"} & settings(synthesis, HOME).keys()


def test_servers_abroad_write_to_one_table_of_one_region_and_read_a_replica(synthesis: Synthesis) -> None:
    for stack in ABROAD:
        may = allowed(synthesis, stack, SERVERS)
        for action, on in may.items():
            if not action.startswith("dynamodb:"):
                continue
            at_home = {each for each in on if ":dynamodb:ap-northeast-1:" in each}
            writes = any(word in action for word in ("Write", "Put", "Update", "Delete"))
            assert len(at_home) == 1, action
            assert bool(on - at_home) is not writes, action
        assert "/index/by_author" in "".join(may["dynamodb:Query"])
        assert [each for on in may.values() for each in on if "*" in each] == []


def test_members_of_one_user_pool_sign_in_in_every_region_with_the_mobile_application(synthesis: Synthesis) -> None:
    [client] = resources(synthesis, HOME, "AWS::Cognito::UserPoolClient")
    assert "ALLOW_USER_PASSWORD_AUTH" in client["Properties"]["ExplicitAuthFlows"]
    assert not client["Properties"].get("GenerateSecret")
    for stack in REGIONS:
        assert settings(synthesis, stack)["CHAT_SIGN_IN"] == "user_pool"
        assert secret_settings(synthesis, stack) == {"CHAT_SESSION_KEY"}
        assert len(resources(synthesis, stack, "AWS::Cognito::UserPool")) == (1 if stack == HOME else 0)
    [key] = resources(synthesis, HOME, "AWS::SecretsManager::Secret")
    assert {one["Region"] for one in key["Properties"]["ReplicaRegions"]} == {REGIONS[stack] for stack in ABROAD}


def test_services_of_all_regions_reach_each_other_and_nothing_else_is_reached(synthesis: Synthesis) -> None:
    templates = {stack: synthesis(boards).templates[stack] for stack in STACKS}
    reached = reached_subnets(templates)
    assert len(reached) == 18
    for subnet, found in reached.items():
        stack = subnet.partition("/")[0]
        elsewhere = {one for one in found if not one.startswith(f"{stack}/")}
        others = {one for one in reached if "Service" in one and not one.startswith(f"{stack}/")}
        assert elsewhere == (others if "Service" in subnet else set()), subnet


def test_both_monitors_have_the_alarms_of_every_region(synthesis: Synthesis) -> None:
    for stack, region in REGIONS.items():
        functions = [
            one["Properties"]["Environment"]["Variables"]
            for one in resources(synthesis, stack, "AWS::Lambda::Function")
            if "ZABBIX_ADDRESS" in one["Properties"].get("Environment", {}).get("Variables", {})
        ]
        [told] = functions
        assert told["ZABBIX_ADDRESS"] == "zabbix.dojo.example.com"
        assert told["ZABBIX_HOST"] == f"double-hawks {region}"
        topic = told["TOPIC_ARN"]["Ref"]
        assert topic.startswith("AlarmsFanoutTopic")
        alarms = [one["Properties"] for one in resources(synthesis, stack, "AWS::CloudWatch::Alarm")]
        of_servers = [one for one in alarms if "Servers" in one.get("AlarmDescription", "")]
        assert of_servers
        assert all({"Ref": topic} in one["AlarmActions"] for one in of_servers if "Runbook" in one["AlarmDescription"])
        # What Zabbix does not get because it does not answer goes to mail.
        [report] = [one for one in alarms if "no whole report" in one.get("AlarmDescription", "")]
        assert {"Ref": topic} not in report["AlarmActions"]


def role_of_schedule(synthesis: Synthesis) -> dict[str, set[str]]:
    return allowed(synthesis, HOME, "NightlyCountScheduleRole")


def test_a_schedule_fills_a_queue_and_does_nothing_else(synthesis: Synthesis) -> None:
    schedule: dict[str, Any]
    [schedule] = [
        one["Properties"]
        for one in resources(synthesis, HOME, "AWS::Scheduler::Schedule")
        if one["Properties"]["ScheduleExpression"].startswith("cron")
    ]
    assert json.loads(schedule["Target"]["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    queue, failed = schedule["Target"]["Arn"], schedule["Target"]["DeadLetterConfig"]["Arn"]
    assert role_of_schedule(synthesis) == {"sqs:SendMessage": {json.dumps(queue), json.dumps(failed)}}
    [queue_properties] = [
        one["Properties"]
        for name, one in synthesis(boards).templates[HOME]["Resources"].items()
        if name == queue["Fn::GetAtt"][0]
    ]
    assert queue_properties["RedrivePolicy"]["maxReceiveCount"] == 3


def test_the_batch_reads_one_table_writes_counts_and_is_not_there_without_work(synthesis: Synthesis) -> None:
    may = allowed(synthesis, HOME, "NightlyCountWorkersTaskDefinitionTaskRole")
    [table] = may["dynamodb:Scan"]
    assert "StoreTable" in table
    [counts] = may["s3:PutObject"]
    assert "counts/*" in counts
    assert not [action for action in may if action.startswith("dynamodb:") and action != "dynamodb:Scan"]
    targets = [one["Properties"] for one in resources(synthesis, HOME, "AWS::ApplicationAutoScaling::ScalableTarget")]
    assert (0, 1) in [(one["MinCapacity"], one["MaxCapacity"]) for one in targets]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_the_first_region_is_another_one(region: str) -> None:
    with pytest.raises(InvalidOptionError, match="where Double Hawks has servers anyway"):
        system.add_to(App(), {"boards": ["double_hawks"], "region": region})
