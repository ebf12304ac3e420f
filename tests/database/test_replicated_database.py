"""What ReplicatedDatabase promises in its templates; what its servers do: tests/behaviour/servers."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DatabaseReplica, InvalidOptionError, ReplicatedDatabase
from cdp_constructs.database._instance_classes import most_connections
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.replicated_database import build as example
from tests.networks import network, service
from tests.resources import only, statements

ACCOUNT = "111122223333"


@architecture
def defaults(stack: Stack) -> ReplicatedDatabase:
    return ReplicatedDatabase(stack, "Orders")


@architecture
def all_options(stack: Stack) -> ReplicatedDatabase:
    return ReplicatedDatabase(
        stack,
        "Orders",
        vpc=network(stack, isolated=True),
        database_name="orders",
        instance_type=ec2.InstanceType("t4g.medium"),
        readers=2,
        max_readers=5,
        backup_retention=Duration.days(35),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_YEAR,
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def existing_resources(stack: Stack) -> ReplicatedDatabase:
    return ReplicatedDatabase(
        stack,
        "Orders",
        vpc=network(stack, zones=2, isolated=True),
        encryption_key=kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"),
    )


@architecture
def connected(stack: Stack) -> ReplicatedDatabase:
    database = ReplicatedDatabase(stack, "Orders", encryption_key=kms.Key(stack, "Key", enable_key_rotation=True))
    database.grant_connect(service(stack, database.vpc, variables=database.environment, isolated=True))
    return database


@architecture
def connected_with_an_imported_key(stack: Stack) -> ReplicatedDatabase:
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k")
    database = ReplicatedDatabase(stack, "Orders", encryption_key=key)
    database.grant_connect(service(stack, database.vpc, variables=database.environment, isolated=True))
    return database


@architecture
def global_database(stack: Stack) -> ReplicatedDatabase:
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True)
    return ReplicatedDatabase(stack, "Orders", global_database=True, alarm_topic=topic)


@architecture
def two_regions(app: App) -> DatabaseReplica:
    first = Stack(app, "Tokyo", env=Environment(account=ACCOUNT, region="ap-northeast-1"))
    second = Stack(app, "Virginia", env=Environment(account=ACCOUNT, region="us-east-1"))
    database = ReplicatedDatabase(first, "Orders", global_database=True)
    replica = database.add_replica_region(
        second, "Orders", instances=2, alarm_topic=sns.Topic(second, "Alarms", enforce_ssl=True)
    )
    replica.grant_connect(service(second, replica.vpc, variables={}, isolated=True), user="report")
    return replica


@architecture
def inside_a_stage(app: App) -> ReplicatedDatabase:
    return defaults(Stack(Stage(app, "DatabaseStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources, two_regions]
EVERY = [*MAIN, connected, connected_with_an_imported_key, global_database, inside_a_stage]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(ReplicatedDatabase, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_data_outlives_mistakes_and_goes_only_when_asked(synthesis: Synthesis) -> None:
    kept, deleted = (only(synthesis(build), "AWS::RDS::DBCluster") for build in (defaults, all_options))
    assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert (kept["Properties"]["DeletionProtection"], kept["Properties"]["BackupRetentionPeriod"]) == (True, 14)
    assert deleted["DeletionPolicy"] == "Delete"
    assert (deleted["Properties"]["DeletionProtection"], deleted["Properties"]["BackupRetentionPeriod"]) == (False, 35)
    policies = {one["DeletionPolicy"] for one in synthesis(defaults).resources("AWS::RDS::DBInstance").values()}
    assert policies == {"Retain"}  # a cluster without instances answers nobody


def test_everything_is_encrypted_and_tls_is_forced(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    ((key, _),) = built.resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    cluster = only(built, "AWS::RDS::DBCluster")["Properties"]
    assert (cluster["StorageEncrypted"], cluster["KmsKeyId"], cluster["MasterUserSecret"]) == (
        True,
        arn,
        {"KmsKeyId": arn},
    )
    assert only(built, "AWS::Logs::LogGroup")["Properties"]["KmsKeyId"] == arn
    assert only(built, "AWS::RDS::DBClusterParameterGroup")["Properties"]["Parameters"] == {"rds.force_ssl": "1"}
    assert only(synthesis(defaults), "AWS::RDS::DBCluster")["Properties"]["StorageEncrypted"] is True


def test_no_password_is_in_the_template(synthesis: Synthesis) -> None:
    cluster = only(synthesis(defaults), "AWS::RDS::DBCluster")["Properties"]
    assert cluster["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in cluster
    resources = list(synthesis(two_regions).templates["Tokyo"]["Resources"].values())
    (of_global,) = [one["Properties"] for one in resources if one["Type"] == "AWS::RDS::DBCluster"]
    assert "{{resolve:secretsmanager:" in str(of_global["MasterUserPassword"])
    assert "ManageMasterUserPassword" not in of_global  # RDS manages none of a Global Database
    assert only(synthesis(two_regions), "AWS::SecretsManager::RotationSchedule")
    endpoints = [one["Properties"] for one in resources if one["Type"] == "AWS::EC2::VPCEndpoint"]
    assert any("secretsmanager" in str(one["ServiceName"]) for one in endpoints), "else the rotation reaches no secret"


def test_writer_and_readers_are_in_different_zones(synthesis: Synthesis) -> None:
    instances = synthesis(all_options).resources("AWS::RDS::DBInstance").values()
    zones = [instance["Properties"]["AvailabilityZone"] for instance in instances]
    assert zones == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert {instance["Properties"]["PubliclyAccessible"] for instance in instances} == {False}


def test_readers_follow_their_cpu_only_where_more_are_allowed(synthesis: Synthesis) -> None:
    target = only(synthesis(all_options), "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 5)
    policy = only(synthesis(all_options), "AWS::ApplicationAutoScaling::ScalingPolicy")["Properties"]
    metric = policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
    assert metric == {"PredefinedMetricType": "RDSReaderAverageCPUUtilization"}
    assert not synthesis(defaults).resources("AWS::ApplicationAutoScaling::ScalableTarget")


def test_nobody_may_connect_before_it_is_granted(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    (group,) = built.resources("AWS::EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group["Properties"]
    assert not built.resources("AWS::EC2::SecurityGroupIngress")


def test_a_service_may_connect_and_read_the_secret_and_nothing_else(synthesis: Synthesis) -> None:
    built = synthesis(connected)
    rule = only(built, "AWS::EC2::SecurityGroupIngress")["Properties"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (5432, 5432, "tcp")
    assert "Shop" in str(rule["SourceSecurityGroupId"])
    ((cluster, _),) = built.resources("AWS::RDS::DBCluster").items()
    (reading,) = statements(built, "TaskTaskRole")
    assert set(reading["Action"]) == {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
    assert reading["Resource"] == {"Fn::GetAtt": [cluster, "MasterUserSecret.SecretArn"]}
    *_, decrypting = only(built, "AWS::KMS::Key")["Properties"]["KeyPolicy"]["Statement"]
    assert decrypting["Action"] == "kms:Decrypt"
    assert "TaskTaskRole" in str(decrypting["Principal"])
    assert "secretsmanager." in str(decrypting["Condition"]["StringEquals"]["kms:ViaService"])
    (task,) = built.resources("AWS::ECS::TaskDefinition").values()
    (container,) = task["Properties"]["ContainerDefinitions"]
    assert {variable["Name"] for variable in container["Environment"]} == {
        *("DATABASE_WRITER", "DATABASE_READER", "DATABASE_NAME", "DATABASE_SECRET"),
    }


def test_a_user_of_iam_needs_no_secret(synthesis: Synthesis) -> None:
    built = synthesis(example)
    ((cluster, _),) = built.resources("AWS::RDS::DBCluster").items()
    (connecting,) = [one for one in statements(built, "Report") if "rds-db:connect" in one["Action"]]
    assert "/report" in str(connecting["Resource"])
    assert {"Fn::GetAtt": [cluster, "DBClusterResourceId"]} in connecting["Resource"]["Fn::Join"][1]
    assert not [one for one in statements(built, "Report") if "secretsmanager" in str(one["Action"])]
    assert only(built, "AWS::RDS::DBCluster")["Properties"]["EnableIAMDatabaseAuthentication"] is True


def test_alarms_go_by_the_class_of_the_instances(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    alarms = {name: one["Properties"] for name, one in built.resources("AWS::CloudWatch::Alarm").items()}
    thresholds = {alarm["MetricName"]: alarm["Threshold"] for alarm in alarms.values()}
    assert thresholds == {
        "AuroraReplicaLagMaximum": 2000,
        "DatabaseConnections": 360,  # 80 % of 4 GiB / 9,531,392
        "CPUUtilization": 80,
        "FreeableMemory": 214_748_364,
    }
    assert len(built.result.alarms) == 4
    assert synthesis(defaults).result.alarms == []


def test_a_rotation_that_fails_raises_an_alarm(synthesis: Synthesis) -> None:
    built = synthesis(global_database)
    parameters = only(built, "AWS::Serverless::Application")["Properties"]["Parameters"]
    alarms = [one["Properties"] for one in built.resources("AWS::CloudWatch::Alarm").values()]
    (alarm,) = [one for one in alarms if one["MetricName"] == "Errors"]
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": parameters["functionName"]}]
    assert (alarm["Namespace"], alarm["Threshold"], alarm["Statistic"]) == ("AWS/Lambda", 1, "Sum")
    assert "RotationAlarm" in {one.node.id for one in built.result.alarms}


def test_a_client_may_use_an_imported_key_of_the_secret(synthesis: Synthesis) -> None:
    built = synthesis(connected_with_an_imported_key)
    (decrypting,) = [one for one in statements(built, "TaskTaskRole") if one["Action"] == "kms:Decrypt"]
    assert decrypting["Resource"] == f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"
    assert "secretsmanager." in str(decrypting["Condition"]["StringEquals"]["kms:ViaService"])


def test_failovers_are_published_to_the_operators(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    subscription = only(built, "AWS::RDS::EventSubscription")
    assert subscription["Properties"]["EventCategories"] == ["failover", "failure"]
    assert subscription["Properties"]["SourceType"] == "db-cluster"
    policy = only(built, "AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    (publishing,) = [one for one in policy if one["Principal"] == {"Service": "events.rds.amazonaws.com"}]
    assert (publishing["Action"], list(publishing["Condition"])) == ("sns:Publish", ["StringEquals"])
    assert not synthesis(defaults).resources("AWS::RDS::EventSubscription")


def test_another_region_follows(synthesis: Synthesis) -> None:
    built = synthesis(two_regions)
    primary, replica = (built.templates[name]["Resources"].values() for name in ("Tokyo", "Virginia"))
    (of_all,) = [one["Properties"] for one in primary if one["Type"] == "AWS::RDS::GlobalCluster"]
    (cluster,) = [one["Properties"] for one in replica if one["Type"] == "AWS::RDS::DBCluster"]
    assert cluster["GlobalClusterIdentifier"] == of_all["GlobalClusterIdentifier"]
    assert not {"MasterUsername", "MasterUserPassword", "DatabaseName", "ManageMasterUserPassword"} & set(cluster)
    assert "EncryptionKey" in str(cluster["KmsKeyId"])
    assert cluster["StorageEncrypted"] is True
    (connecting,) = statements(built, "TaskTaskRole")
    assert connecting["Action"] == "rds-db:connect"
    assert len(built.result.alarms) == 4


def test_nothing_existing_is_made(synthesis: Synthesis) -> None:
    made = {one["Type"] for one in synthesis(existing_resources).template_json["Resources"].values()}
    assert not made & {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::KMS::Key", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"}


@given(st.integers(min_value=4, max_value=768))
def test_connections_grow_with_memory_up_to_5000(memory: int) -> None:
    assert 450 <= most_connections(memory) <= 5000
    assert most_connections(memory) <= most_connections(memory + 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"readers": 0}, "readers is 0 readers. Use 1 to 15"),
        ({"readers": 3, "max_readers": 2}, "max_readers is 2 readers. Use 3 to 15"),
        ({"database_name": "my-orders"}, "database_name is 'my-orders'. Use a lower-case letter"),
        ({"backup_retention": Duration.hours(36)}, "backup_retention is 36 hours. Use 1 day to 35 days"),
        ({"instance_type": ec2.InstanceType("m7g.large")}, "instance_type is 'm7g.large'. Use t3 or t4g"),
        (
            {"instance_type": ec2.InstanceType("t4g.medium"), "global_database": True},
            "instance_type is 't4g.medium'. Use a class of an r family",
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=message):
        ReplicatedDatabase(stack, "Orders", vpc=network(stack, isolated=True), **options)


def test_a_network_in_one_zone_is_refused() -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=r"vpc has 1 zones with isolated or private subnets. Give one with 2"):
        ReplicatedDatabase(stack, "Orders", vpc=network(stack, zones=1, isolated=True))


def test_another_region_needs_a_global_database(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Here", env=Environment(account=ACCOUNT, region="us-east-1"))
    there = Stack(cdk_app, "There", env=Environment(account=ACCOUNT, region="eu-west-1"))
    with pytest.raises(InvalidOptionError, match=r"global_database is False.* Make the database with"):
        ReplicatedDatabase(stack, "Orders").add_replica_region(there, "Orders")
    with pytest.raises(InvalidOptionError, match="scope is in us-east-1, the Region of the database"):
        ReplicatedDatabase(stack, "Others", global_database=True).add_replica_region(stack, "Replica")


@pytest.mark.parametrize("user", ["*", "Report", "a b", "x" * 64])
def test_a_pattern_of_users_is_refused(user: str) -> None:
    stack = Stack()
    database = ReplicatedDatabase(stack, "Orders", vpc=network(stack, isolated=True))
    client = ec2.Connections(security_groups=[])
    with pytest.raises(InvalidOptionError, match="client is Connections, which has no role"):
        database.grant_connect(client, user="report")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    instance = ec2.Instance(
        stack,
        "Instance",
        vpc=ec2.Vpc(stack, "Net", max_azs=1),
        instance_type=ec2.InstanceType("t4g.nano"),
        machine_image=ec2.MachineImage.latest_amazon_linux2023(cpu_type=ec2.AmazonLinuxCpuType.ARM_64),
        role=role,
    )
    with pytest.raises(InvalidOptionError, match="user is "):
        database.grant_connect(instance, user=user)


def test_a_user_that_only_the_deployment_knows_is_refused() -> None:
    stack = Stack()
    database = ReplicatedDatabase(stack, "Orders", vpc=network(stack, isolated=True))
    client = service(stack, database.vpc, isolated=True)
    user = CfnParameter(stack, "User").value_as_string
    with pytest.raises(InvalidOptionError, match=r"user is '<token>'\. Tokens cannot be checked here"):
        database.grant_connect(client, user=user)
