"""What InMemoryCache promises in its templates; what its servers do: tests/behaviour/servers."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match, Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InMemoryCache, InvalidOptionError
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.in_memory_cache import build as example
from tests.networks import network
from tests.resources import only_properties

ACCOUNT = "111122223333"


@architecture
def defaults(stack: Stack) -> InMemoryCache:
    return InMemoryCache(stack, "Products")


@architecture
def all_options(stack: Stack) -> InMemoryCache:
    return InMemoryCache(
        stack,
        "Products",
        vpc=network(stack),
        node_type="cache.r7g.large",
        replicas=2,
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_YEAR,
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def existing_resources(stack: Stack) -> InMemoryCache:
    return InMemoryCache(
        stack,
        "Products",
        vpc=network(stack, zones=2),
        token=secretsmanager.Secret.from_secret_complete_arn(
            stack, "Token", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:cache-abcdef"
        ),
        encryption_key=kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"),
    )


@architecture
def two_in_one_stack(stack: Stack) -> list[InMemoryCache]:
    first = InMemoryCache(stack, "Products")
    return [first, InMemoryCache(stack, "Prices", vpc=first.vpc)]


@architecture
def inside_a_stage(app: App) -> InMemoryCache:
    return defaults(Stack(Stage(app, "CacheStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources]
EVERY = [*MAIN, two_in_one_stack, inside_a_stage]


GROUP = "AWS::ElastiCache::ReplicationGroup"


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(InMemoryCache, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_it_is_encrypted_and_asks_for_a_token(build: Callable[..., Any], synthesis: Synthesis) -> None:
    group = only_properties(synthesis(build), GROUP)
    assert (group["TransitEncryptionEnabled"], group["AtRestEncryptionEnabled"]) == (True, True)
    assert "{{resolve:secretsmanager:" in str(group["AuthToken"])


def test_a_replica_in_another_zone_takes_over(synthesis: Synthesis) -> None:
    group = only_properties(synthesis(defaults), GROUP)
    assert (group["AutomaticFailoverEnabled"], group["MultiAZEnabled"], group["ReplicasPerNodeGroup"]) == (
        True,
        True,
        1,
    )
    assert len(only_properties(synthesis(defaults), "AWS::ElastiCache::SubnetGroup")["SubnetIds"]) == 3


def test_key_encrypts_data_token_and_logs(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    ((key, _),) = built.resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    assert only_properties(built, GROUP)["KmsKeyId"] == arn
    assert only_properties(built, "AWS::SecretsManager::Secret")["KmsKeyId"] == arn
    assert only_properties(built, "AWS::Logs::LogGroup")["KmsKeyId"] == arn


def test_only_a_granted_client_may_connect(synthesis: Synthesis) -> None:
    assert not synthesis(defaults).resources("AWS::EC2::SecurityGroupIngress")
    built = synthesis(example)
    rule = only_properties(built, "AWS::EC2::SecurityGroupIngress")
    assert (rule["FromPort"], rule["ToPort"]) == (6379, 6379)
    assert "Shop" in str(rule["SourceSecurityGroupId"])
    ((token, _),) = built.resources("AWS::SecretsManager::Secret").items()
    (reading,) = [
        statement
        for policy in built.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "secretsmanager:GetSecretValue" in statement["Action"]
    ]
    assert reading["Resource"] == {"Ref": token}


def test_a_token_of_another_account_is_read_by_its_complete_arn_and_with_its_key() -> None:
    stack = Stack(App(), "There", env=Environment(account="444455556666", region="us-east-1"))
    vpc = network(stack)
    arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:cache-abcdef"
    bare = secretsmanager.Secret.from_secret_complete_arn(stack, "Bare", arn)
    message = f"token is There/Bare, of account {ACCOUNT} and imported without its key. Import it with"
    with pytest.raises(InvalidOptionError, match=message):
        InMemoryCache(stack, "Refused", vpc=vpc, token=bare)
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k")
    token = secretsmanager.Secret.from_secret_attributes(stack, "Token", secret_complete_arn=arn, encryption_key=key)
    cache = InMemoryCache(stack, "Products", vpc=vpc, token=token)
    client = lambda_.Function(
        stack,
        "Client",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        vpc=vpc,
    )
    cache.grant_connect(client)
    said = Match.string_like_regexp(f"in account {ACCOUNT}.*deploys the stack.*GetSecretValue.*kms:Decrypt")
    Annotations.from_stack(stack).has_warning("/There/Products", said)
    allowed = {
        str(statement["Action"]): statement["Resource"]
        for policy in Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if any("Client" in role["Ref"] for role in policy["Properties"]["Roles"])
    }
    assert allowed == {
        "['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret']": arn,
        "kms:Decrypt": key.key_arn,
    }


def test_alarms_watch_every_node(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    alarms = {name: one["Properties"] for name, one in built.resources("AWS::CloudWatch::Alarm").items()}
    assert {alarm.node.id for alarm in built.result.alarms} == {
        *("CpuAlarm", "EvictionsAlarm", "ConnectionsAlarm", "ReplicaLagAlarm", "ReplicationAlarm"),
    }
    name = only_properties(built, GROUP)["ReplicationGroupId"]
    for alarm in alarms.values():
        nodes = {
            dimension["Value"]
            for query in alarm["Metrics"]
            if "MetricStat" in query
            for dimension in query["MetricStat"]["Metric"]["Dimensions"]
        }
        assert nodes == {f"{name}-001", f"{name}-002", f"{name}-003"}
    assert synthesis(defaults).result.alarms == []


def test_names_of_groups_are_what_elasticache_takes(synthesis: Synthesis) -> None:
    names = [
        group["Properties"]["ReplicationGroupId"] for group in synthesis(two_in_one_stack).resources(GROUP).values()
    ]
    assert len(set(names)) == 2
    for name in names:
        assert len(name) <= 40
        assert name == name.lower().strip("-")


def test_nothing_existing_is_made(synthesis: Synthesis) -> None:
    made = {one["Type"] for one in synthesis(existing_resources).template_json["Resources"].values()}
    assert not made & {"AWS::EC2::VPC", "AWS::KMS::Key", "AWS::SNS::Topic", "AWS::SecretsManager::Secret"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replicas": 0}, r"replicas is 0 replicas\. Use 1 to 5"),
        ({"node_type": "r7g.large"}, r"node_type is 'r7g\.large'\. Use a type such as cache\.t4g\.small"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=message):
        InMemoryCache(stack, "Products", vpc=network(stack), **options)


def test_a_network_in_one_zone_and_a_client_without_a_role_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Here", env=Environment(account=ACCOUNT, region="us-east-1"))
    with pytest.raises(InvalidOptionError, match=r"vpc has 1 zones"):
        InMemoryCache(stack, "One", vpc=network(stack, zones=1))
    with pytest.raises(InvalidOptionError, match="client is Connections, which has no role"):
        InMemoryCache(stack, "Products").grant_connect(ec2.Connections(security_groups=[]))
