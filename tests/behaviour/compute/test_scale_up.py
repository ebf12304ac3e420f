"""ScaleUp on the embedded cloud: a server and a database change their size, and what fails is kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_scheduler as scheduler

from cdp_constructs import DatabaseCapacity, ScaleUp, ServiceContainer, Stamp, TaskSize
from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from docs.examples.stamp import CHECK, SERVER
from tests.networks import existing_vpc
from tests.queues import messages_in

# Containers are processes of this machine; `make test-servers` runs these.
pytestmark = pytest.mark.conformance
REGION = "us-east-1"
STACK = "ScaleUpDriven"
DATABASE = "orders-of-scale-up"
LARGE, LARGEST = TaskSize(cpu=1024, memory_limit_mib=2048), TaskSize(cpu=4096, memory_limit_mib=8192)


def build(stack: Stack) -> None:
    counter = Stamp(
        stack,
        "Counter",
        container=ServiceContainer(ecs.ContainerImage.from_asset(str(SERVER)), stop_timeout=Duration.seconds(10)),
        health_check_command=["python", "-c", CHECK],
        vpc=existing_vpc(stack),
        replaced_within=Duration.minutes(2),
        removal_policy=RemovalPolicy.DESTROY,
    )
    size = ScaleUp(stack, "Size", service=counter, removal_policy=RemovalPolicy.DESTROY)
    hourly = scheduler.ScheduleExpression.cron(minute="0")
    size.scale_on_schedule("Morning", schedule=hourly, size=LARGE)
    size.scale_on_schedule("Evening", schedule=hourly, size=TaskSize(cpu=256, memory_limit_mib=512))
    waiting = cloudwatch.Alarm(
        stack,
        "Waiting",
        metric=cloudwatch.Metric(namespace="ScaleUp", metric_name="Waiting", period=Duration.minutes(1)),
        threshold=10,
        evaluation_periods=1,
    )
    size.scale_on_alarm("Emergency", alarm=waiting, size=LARGEST)
    orders = rds.DatabaseCluster.from_database_cluster_attributes(stack, "Orders", cluster_identifier=DATABASE)
    capacity = ScaleUp(stack, "Capacity", database=orders, removal_policy=RemovalPolicy.DESTROY)
    capacity.scale_on_schedule("Morning", schedule=hourly, size=DatabaseCapacity(min_capacity=4, max_capacity=32.5))
    schedules = {name: stack.node.find_child(name).node for name in ("Size", "Capacity")}
    for name, value in {
        "Cluster": counter.cluster.cluster_name,
        "Service": counter.service.service_name,
        "Morning": schedules["Size"].find_child("Morning").ref,  # type: ignore[attr-defined]
        "Evening": schedules["Size"].find_child("Evening").ref,  # type: ignore[attr-defined]
        "CapacityMorning": schedules["Capacity"].find_child("Morning").ref,  # type: ignore[attr-defined]
        "Function": size.function.function_name,
        "DeadLetterQueue": size.dead_letter_queue.queue_url,
    }.items():
        CfnOutput(stack, f"{name}Name", value=value)


class System:
    """The deployed server and the database beside it."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self.cloud = cloud
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs.items()}

    def client(self, service: str) -> Any:
        return self.cloud.client(service, region=REGION)

    def fire(self, schedule: str) -> None:
        self.cloud.fire_schedule(self.outputs[schedule], region=REGION)

    def sizes(self) -> set[tuple[str, str]]:
        """CPU and memory of the tasks that run."""
        ecs_client, cluster = self.client("ecs"), self.outputs["Cluster"]
        arns = ecs_client.list_tasks(cluster=cluster)["taskArns"]
        tasks = ecs_client.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        found = set()
        for task in tasks:
            described = ecs_client.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
            found.add((described["cpu"], described["memory"]))
        return found


@pytest.fixture(scope="module")
def system(
    local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory, cdk_context: dict[str, Any]
) -> Iterator[System]:
    folder: Path = tmp_path_factory.mktemp("size")
    app = App(context=cdk_context, outdir=str(folder / "cdk.out"))
    build(Stack(app, STACK))
    # Without an instance no database runs behind it: capacity is an attribute of the cluster.
    local_cloud.client("rds", region=REGION).create_db_cluster(
        DBClusterIdentifier=DATABASE,
        Engine="aurora-postgresql",
        MasterUsername="shop",
        MasterUserPassword="not-a-secret",
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 8},
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield System(local_cloud, dict(local_cloud.deploy(app.synth().directory).outputs[STACK]))


def test_a_schedule_makes_a_server_bigger_and_another_one_smaller(system: System) -> None:
    assert system.sizes() == {("256", "512")}
    system.fire("Morning")
    eventually(lambda: system.sizes() == {("1024", "2048")}, within=60)
    system.fire("Evening")
    eventually(lambda: system.sizes() == {("256", "512")}, within=60)


def test_the_same_size_again_replaces_nothing(system: System) -> None:
    ecs_client, cluster = system.client("ecs"), system.outputs["Cluster"]
    eventually(lambda: system.sizes() == {("256", "512")}, within=60)
    before = ecs_client.list_tasks(cluster=cluster)["taskArns"]
    definition = ecs_client.describe_services(cluster=cluster, services=[system.outputs["Service"]])
    event = {"task_definition": definition["services"][0]["taskDefinition"]}
    answer = system.client("lambda").invoke(FunctionName=system.outputs["Function"], Payload=json.dumps(event))
    assert "FunctionError" not in answer
    assert ecs_client.list_tasks(cluster=cluster)["taskArns"] == before


def test_an_alarm_makes_a_server_bigger(system: System) -> None:
    system.client("cloudwatch").put_metric_data(
        Namespace="ScaleUp", MetricData=[{"MetricName": "Waiting", "Value": 50}]
    )
    system.cloud.metrics.advance(minutes=1)
    eventually(lambda: system.sizes() == {("4096", "8192")}, within=60)


def test_a_database_gets_another_capacity_and_stays(system: System) -> None:
    system.fire("CapacityMorning")

    def capacity() -> dict[str, float]:
        (cluster,) = system.client("rds").describe_db_clusters(DBClusterIdentifier=DATABASE)["DBClusters"]
        return dict(cluster["ServerlessV2ScalingConfiguration"])

    eventually(lambda: capacity() == {"MinCapacity": 4.0, "MaxCapacity": 32.5}, within=30)


def test_the_function_may_do_nothing_to_another_service(system: System) -> None:
    function = system.client("lambda").get_function_configuration(FunctionName=system.outputs["Function"])
    role = function["Role"]
    answer = system.client("sts").assume_role(RoleArn=role, RoleSessionName="somebody")["Credentials"]
    credentials = (answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
    somebody = system.cloud.client("ecs", region=REGION, credentials=credentials)
    for refused in (
        {"service": "another", "desiredCount": 0},
        {"service": f"arn:aws:ecs:{REGION}:000000000000:service/{system.outputs['Cluster']}/another"},
    ):
        with pytest.raises(somebody.exceptions.AccessDeniedException):
            somebody.update_service(cluster=system.outputs["Cluster"], **refused)
    with pytest.raises(somebody.exceptions.AccessDeniedException):
        somebody.register_task_definition(family="another", containerDefinitions=[])


def test_a_change_that_fails_is_kept_in_the_dead_letter_queue(system: System) -> None:
    system.client("lambda").invoke(
        FunctionName=system.outputs["Function"],
        InvocationType="Event",
        Payload=json.dumps({"task_definition": None}),
    )
    queue = system.client("sqs")
    eventually(lambda: messages_in(queue, system.outputs["DeadLetterQueue"]) == 1, within=60)
