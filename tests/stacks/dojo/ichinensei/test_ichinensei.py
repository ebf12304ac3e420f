"""Board D7: two servers in Oregon that grow, people whom Cognito knows, a cache before a table, private files."""

import json
from typing import Any

from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.permissions import allowed
from tests.stacks.dojo.resources import findings, properties, resources, secret_settings, settings

STACK = "Ichinensei"


def sizes(synthesis: Synthesis) -> dict[str, tuple[str, str]]:
    """CPU and memory of each task definition, by logical id."""
    made = synthesis(boards).templates[STACK]["Resources"]
    return {
        name: (one["Properties"]["Cpu"], one["Properties"]["Memory"])
        for name, one in made.items()
        if one["Type"] == "AWS::ECS::TaskDefinition"
    }


def named(synthesis: Synthesis, event: Any) -> tuple[str, str]:
    """The size that the event of a schedule or a rule names."""
    text = json.dumps(event)
    [size] = [size for name, size in sizes(synthesis).items() if f'"{name}"' in text]
    return size


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[STACK] == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[STACK] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert findings(synthesis, STACK) == []


def test_all_of_it_is_in_oregon_wherever_the_other_boards_are(synthesis: Synthesis) -> None:
    manifest = json.loads((synthesis(boards).assembly / "manifest.json").read_text())
    stacks = {
        name: one["environment"]
        for name, one in manifest["artifacts"].items()
        if one["type"] == "aws:cloudformation:stack" and name.startswith(STACK)
    }
    assert stacks == {STACK: "aws://unknown-account/us-west-2"}
    assert "ap-northeast-1" not in json.dumps(synthesis(boards).templates[STACK])


def test_there_are_two_servers_in_two_zones_and_never_more(synthesis: Synthesis) -> None:
    target = properties(synthesis, STACK, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 2)
    policy = properties(synthesis, STACK, "AWS::ApplicationAutoScaling::ScalingPolicy")
    assert "LeastTasks" in policy["PolicyName"], "it adds what is missing of the two"
    service = properties(synthesis, STACK, "AWS::ECS::Service")
    assert len(service["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]) == 2


def test_servers_are_larger_by_day_and_largest_when_they_are_busy(synthesis: Synthesis) -> None:
    schedules = {
        one["Properties"]["ScheduleExpression"]: one["Properties"]
        for one in resources(synthesis, STACK, "AWS::Scheduler::Schedule")
        if "task_definition" in json.dumps(one["Properties"]["Target"].get("Input"))
    }
    assert {one["ScheduleExpressionTimezone"] for one in schedules.values()} == {"America/Los_Angeles"}
    by_time = {when: named(synthesis, one["Target"]["Input"]) for when, one in schedules.items()}
    assert by_time == {"cron(0 8 * * ? *)": ("1024", "2048"), "cron(0 23 * * ? *)": ("256", "512")}
    [rule] = [
        one["Properties"]
        for one in resources(synthesis, STACK, "AWS::Events::Rule")
        if one["Properties"]["EventPattern"].get("source") == ["aws.cloudwatch"]
    ]
    assert "ServersBusyAlarm" in json.dumps(rule["EventPattern"]["resources"])
    assert named(synthesis, rule["Targets"][0]["Input"]) == ("4096", "8192")


def test_new_servers_are_there_before_old_ones_go(synthesis: Synthesis) -> None:
    deployment = properties(synthesis, STACK, "AWS::ECS::Service")["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_people_sign_in_at_the_user_pool_and_servers_have_no_passwords(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, STACK)
    assert chosen["CHAT_SIGN_IN"] == "user_pool"
    assert chosen["CHAT_USER_POOL_ID"]["Ref"].startswith("Users")
    client = properties(synthesis, STACK, "AWS::Cognito::UserPoolClient")
    assert client["ExplicitAuthFlows"] == ["ALLOW_USER_PASSWORD_AUTH"]
    assert not client.get("GenerateSecret")
    may = allowed(synthesis, STACK, "ServersTaskDefinitionTaskRole")
    assert [action for action in may if action.startswith("cognito")] == []


def test_servers_reach_the_keys_of_the_pool_over_the_internet_and_data_inside_the_network(synthesis: Synthesis) -> None:
    assert len(resources(synthesis, STACK, "AWS::EC2::NatGateway")) == 2
    endpoints = [one["Properties"] for one in resources(synthesis, STACK, "AWS::EC2::VPCEndpoint")]
    assert {one["VpcEndpointType"] for one in endpoints} == {"Gateway"}
    assert len(endpoints) == 2


def test_messages_are_in_a_table_and_the_cache_keeps_nothing_that_is_not_there(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, STACK)
    assert (chosen["CHAT_STORE"], chosen["CHAT_FAN_OUT"], chosen["CHAT_LATEST"]) == ("table", "cache", "cache")
    assert "CHAT_SESSIONS" not in chosen, "nobody signs in again when the cache is lost"
    [table] = resources(synthesis, STACK, "AWS::DynamoDB::GlobalTable")
    assert table["DeletionPolicy"] == "Retain"


def test_the_cache_has_a_replica_in_another_zone_tls_and_a_token(synthesis: Synthesis) -> None:
    group = properties(synthesis, STACK, "AWS::ElastiCache::ReplicationGroup")
    assert group["ReplicasPerNodeGroup"] == 1
    for required in ("MultiAZEnabled", "AutomaticFailoverEnabled", "TransitEncryptionEnabled"):
        assert group[required], required
    assert json.dumps(settings(synthesis, STACK)["CHAT_CACHE_URL"]).count("rediss://") == 1
    assert secret_settings(synthesis, STACK) == {"CHAT_SESSION_KEY", "CHAT_CACHE_SECRET"}


def test_only_servers_are_let_in_to_the_cache(synthesis: Synthesis) -> None:
    rules = [one["Properties"] for one in resources(synthesis, STACK, "AWS::EC2::SecurityGroupIngress")]
    to_cache = [one for one in rules if "CacheSecurityGroup" in json.dumps(one["GroupId"])]
    assert [one["SourceSecurityGroupId"]["Fn::GetAtt"][0].startswith("Servers") for one in to_cache] == [True]


def test_files_come_from_a_distribution_that_serves_signed_links_only(synthesis: Synthesis) -> None:
    distribution = properties(synthesis, STACK, "AWS::CloudFront::Distribution")["DistributionConfig"]
    assert distribution["DefaultCacheBehavior"]["TrustedKeyGroups"]
    assert distribution["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"
    assert [origin["OriginPath"] for origin in distribution["Origins"]] == ["/accepted"]
    chosen = settings(synthesis, STACK)
    assert chosen["CHAT_LINK_FUNCTION"]["Ref"].startswith("DownloadsSigning")


def test_servers_may_do_what_the_board_needs_and_nothing_else(synthesis: Synthesis) -> None:
    may = allowed(synthesis, STACK, "ServersTaskDefinitionTaskRole")
    assert set(may) == {
        *(f"dynamodb:{one}Item" for one in ("BatchGet", "BatchWrite", "Delete", "Get", "Put", "Update")),
        "dynamodb:Query",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "lambda:InvokeFunction",
        "s3:GetObject",
        "sns:Publish",
    }
    assert all("/accepted/*" in resource for resource in may["s3:GetObject"])
    invoked = sorted(may["lambda:InvokeFunction"])
    assert len(invoked) == 2
    assert "DownloadsSigning" in invoked[0]
    assert "FilesFormFunction" in invoked[1]
    assert all("Notices" in resource for resource in may["sns:Publish"] | may["kms:GenerateDataKey"])


def test_what_changes_the_size_may_do_nothing_else(synthesis: Synthesis) -> None:
    may = allowed(synthesis, STACK, "SizeFunctionRole")
    assert {action for action in may if not action.startswith(("sqs:", "xray:", "logs:"))} == {
        "ecs:UpdateService",
        "iam:PassRole",
    }
    assert all("ServersService" in resource for resource in may["ecs:UpdateService"])


def test_what_fails_is_told_to_the_operators(synthesis: Synthesis) -> None:
    alarms = [one["Properties"] for one in resources(synthesis, STACK, "AWS::CloudWatch::Alarm")]
    told = "\n".join(one["AlarmDescription"] for one in alarms if "AlarmsFanoutTopic" in str(one.get("AlarmActions")))
    of_servers = ("Servers", "Servers/DeepHealth", "Front", "Size", "Network")
    parts = (*of_servers, "Store", "Cache", "Files", "Downloads", "Users")
    assert [part for part in parts if f"{STACK}/{part}: " not in told and f"{STACK}/{part}/" not in told] == []
