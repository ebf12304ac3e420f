"""What QueueWorkers promises in its templates; what its containers do: tests/behaviour/servers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, QueueWorkers, ServiceContainer, WorkQueue, image_from_folder
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.queue_workers import build as example
from tests.networks import network
from tests.resources import only_properties, statements

ACCOUNT = "111122223333"
RESIZER = Path(__file__).parents[2] / "docs/examples/image_resizer"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/resizer:1"


def container(**options: Any) -> ServiceContainer:
    return ServiceContainer(ecs.ContainerImage.from_registry(IMAGE), **options)


ONE_ZONE = "a network in one zone"


@architecture
def defaults(stack: Stack) -> QueueWorkers:
    return QueueWorkers(stack, "Images", container=container())


@architecture
def all_options(stack: Stack) -> QueueWorkers:
    workers = QueueWorkers(
        stack,
        "Images",
        container=container(
            cpu=1024,
            memory_limit_mib=2048,
            cpu_architecture=ecs.CpuArchitecture.ARM64,
            stop_timeout=Duration.seconds(60),
            environment={"BUCKET": "images"},
        ),
        queues=[
            WorkQueue("Urgent", weight=4, visibility_timeout=Duration.minutes(2), max_receive_count=3),
            WorkQueue("Bulk", max_age=Duration.days(1)),
        ],
        vpc=network(stack, zones=2),
        concurrency=4,
        min_tasks=1,
        max_tasks=50,
        backlog_per_task=100,
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_YEAR,
        removal_policy=RemovalPolicy.DESTROY,
    )
    workers.grant_send(iam.Role(stack, "Sender", assumed_by=iam.AccountRootPrincipal()), queue="Urgent")
    return workers


@architecture
def existing_resources(stack: Stack) -> QueueWorkers:
    vpc = network(stack, zones=2)
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="existing", vpc=vpc)
    queue = sqs.Queue.from_queue_arn(stack, "Jobs", f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs")
    return QueueWorkers(
        stack,
        "Images",
        container=container(),
        queues=[WorkQueue("Jobs", queue=queue)],
        cluster=cluster,
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"),
    )


@architecture
def two_in_one_network(stack: Stack) -> list[QueueWorkers]:
    first = QueueWorkers(stack, "Images", container=container())
    return [first, QueueWorkers(stack, "Films", container=container(), cluster=first.cluster)]


@architecture
def inside_a_stage(app: App) -> QueueWorkers:
    return defaults(Stack(Stage(app, "WorkersStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources]
EVERY = [*MAIN, two_in_one_network, inside_a_stage, example]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(QueueWorkers, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_a_task_may_work_off_these_queues_and_protect_itself_and_nothing_else(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    ((queue, _),) = [one for one in built.resources("AWS::SQS::Queue").items() if "DeadLetter" not in one[0]]
    working, protecting = statements(built, "ImagesTaskDefinitionTaskRole")
    assert set(working["Action"]) == {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
    assert working["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
    assert set(protecting["Action"]) == {"ecs:GetTaskProtection", "ecs:UpdateTaskProtection"}
    assert str(protecting["Resource"]).endswith("'/*']]}")
    assert "Cluster" in str(protecting["Resource"])


def test_a_sender_may_send_to_the_named_queue_only(synthesis: Synthesis) -> None:
    sending = [one for one in statements(synthesis(all_options), "Sender") if "sqs:SendMessage" in one["Action"]]
    assert ["UrgentQueue" in str(one["Resource"]) for one in sending] == [True]
    assert not [one for one in statements(synthesis(all_options), "Sender") if "*" in str(one["Action"])]


def test_poison_jobs_are_kept_and_raise_an_alarm(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    redrives = {
        name: queue["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        for name, queue in built.resources("AWS::SQS::Queue").items()
        if "RedrivePolicy" in queue["Properties"]
    }
    assert sorted(redrives.values()) == [3, 5]
    assert {alarm.node.id for alarm in built.result.alarms} == {
        *("Urgent-DeadLetterQueueAlarm", "Urgent-LateAlarm", "Bulk-DeadLetterQueueAlarm", "Bulk-LateAlarm"),
        "NoTaskAlarm",
    }
    assert set(built.result.dead_letter_queues) == {"Urgent", "Bulk"}


def test_the_worker_knows_its_queues(synthesis: Synthesis) -> None:
    (container,) = only_properties(synthesis(all_options), "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    variables = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert (variables["WORK_CONCURRENCY"], variables["WORK_STOP_SECONDS"], variables["BUCKET"]) == ("4", "60", "images")
    parts = variables["WORK_QUEUES"]["Fn::Join"][1]
    described = json.loads("".join(part if isinstance(part, str) else next(iter(part.values())) for part in parts))
    assert [(one["name"], one["weight"], one["visibility_seconds"]) for one in described] == [
        ("Urgent", 4, 120),
        ("Bulk", 1, 60),
    ]
    assert container["StopTimeout"] == 60


def test_tasks_follow_the_backlog_for_each_of_them(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    target = only_properties(built, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 10)
    policies = {
        one["Properties"]["PolicyType"]: one["Properties"]
        for one in built.resources("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    }
    tracking = policies["TargetTrackingScaling"]["TargetTrackingScalingPolicyConfiguration"]
    queries = tracking["CustomizedMetricSpecification"]["Metrics"]
    (expression,) = [query["Expression"] for query in queries if query["ReturnData"]]
    assert expression == "(FILL(waiting0, 0) + FILL(working0, 0)) / IF(FILL(tasks, 0) > 1, tasks, 1)"
    names = {one["MetricStat"]["Metric"]["MetricName"] for one in queries if "MetricStat" in one}
    assert names == {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
        "RunningTaskCount",
    }
    assert tracking["TargetValue"] == 10
    assert policies["StepScaling"]["StepScalingPolicyConfiguration"]["AdjustmentType"] == "ChangeInCapacity"
    assert "DesiredCount" not in only_properties(built, "AWS::ECS::Service")  # a deployment would set it back


def test_the_first_task_is_started_only_where_there_may_be_none(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    alarm = only_properties(built, "AWS::CloudWatch::Alarm")
    ((policy, _),) = [
        one
        for one in built.resources("AWS::ApplicationAutoScaling::ScalingPolicy").items()
        if one[1]["Properties"]["PolicyType"] == "StepScaling"
    ]
    assert alarm["AlarmActions"] == [{"Ref": policy}]
    assert built.result.alarms == []  # operators have none without a topic
    kinds = synthesis(all_options).resources("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    assert {one["Properties"]["PolicyType"] for one in kinds} == {"TargetTrackingScaling"}


def test_metrics_of_four_queues_fit_into_a_policy(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Four")
    queues = [WorkQueue(name) for name in ("A", "B", "C", "D")]
    QueueWorkers(stack, "Work", container=container(), queues=queues, vpc=network(stack))
    with pytest.raises(InvalidOptionError, match=r"queues has 5 queues\. Give 1 to 4"):
        QueueWorkers(stack, "More", container=container(), queues=[*queues, WorkQueue("E")], vpc=network(Stack()))


def test_a_new_network_has_no_way_to_the_internet(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    assert not built.resources("AWS::EC2::InternetGateway")
    assert not built.resources("AWS::EC2::NatGateway")
    services = {str(one["Properties"]["ServiceName"]) for one in built.resources("AWS::EC2::VPCEndpoint").values()}
    assert {name for name in ("sqs", "ecr.api", "ecr.dkr", "logs", "s3") if any(name in one for one in services)} == {
        *("sqs", "ecr.api", "ecr.dkr", "logs", "s3"),
    }


def test_tasks_reach_the_endpoints_of_their_network(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    vpc = only_properties(built, "AWS::EC2::VPC")["CidrBlock"]
    interfaces = [
        one["Properties"]
        for one in built.resources("AWS::EC2::VPCEndpoint").values()
        if one["Properties"]["VpcEndpointType"] == "Interface"
    ]
    assert len(interfaces) == 4
    groups = built.resources("AWS::EC2::SecurityGroup")
    for endpoint in interfaces:
        ((group, _),) = [one["Fn::GetAtt"] for one in endpoint["SecurityGroupIds"]]
        (rule,) = groups[group]["Properties"]["SecurityGroupIngress"]
        assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == (vpc, 443, 443)
        assert endpoint["PrivateDnsEnabled"] is True


def test_key_encrypts_queues_and_logs(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    ((key, _),) = built.resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    queues = built.resources("AWS::SQS::Queue").values()
    assert [queue["Properties"]["KmsMasterKeyId"] for queue in queues] == [arn] * 4
    assert only_properties(built, "AWS::Logs::LogGroup")["KmsKeyId"] == arn
    decrypting = [one for one in statements(built, "ImagesTaskDefinitionTaskRole") if "kms:Decrypt" in one["Action"]]
    assert [one["Resource"] for one in decrypting] == [arn]


def test_an_image_has_the_module_beside_the_program(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Image")
    image = image_from_folder(stack, "Image", folder=str(RESIZER), modules=["queue_worker"])
    ecs.FargateTaskDefinition(stack, "Task").add_container("Worker", image=image)
    assembly = cdk_app.synth()
    (folder,) = Path(assembly.directory).glob("asset.*")
    assert {"Dockerfile", "worker.py", "queue_worker"} <= {file.name for file in folder.iterdir()}
    assert (folder / "queue_worker/worker.py").is_file()
    assert not list(folder.rglob("__pycache__"))
    assert not (RESIZER / "queue_worker").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modules": ["queues"]}, "modules contains 'queues'. Use cache_aside, queue_worker, replicated_database"),
        ({"modules": ["queue_worker", "queue_worker"]}, "modules contains 'queue_worker' twice"),
        ({"folder": "."}, r"folder is '\.', where no Dockerfile is. Give a folder that has one"),
    ],
)
def test_wrong_images_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        image_from_folder(Stack(), "Image", **{"folder": str(RESIZER), **options})


def test_a_module_that_the_folder_has_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.14\n")
    (tmp_path / "queue_worker").mkdir()
    with pytest.raises(InvalidOptionError, match=r"modules contains 'queue_worker', which .* has itself"):
        image_from_folder(Stack(), "Image", folder=str(tmp_path), modules=["queue_worker"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WorkQueue("urgent"), "name is 'urgent'. Use letters and digits, beginning with a capital"),
        (lambda: WorkQueue("Urgent", weight=0), "weight is 0 shares. Use 1 to 100"),
        (lambda: WorkQueue("Urgent", visibility_timeout=Duration.seconds(5)), "visibility_timeout is 5 seconds"),
        (lambda: WorkQueue("Urgent", max_receive_count=0), "max_receive_count is 0 deliveries"),
    ],
)
def test_wrong_queues_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queues": []}, "queues is|queues has 0 queues"),
        ({"queues": [WorkQueue("A"), WorkQueue("A")]}, "queues contains 'A' twice"),
        ({"container": container(environment={"WORK_QUEUES": "[]"})}, "container contains 'WORK_QUEUES'"),
        ({"vpc": ONE_ZONE}, "vpc has 1 zone with subnets for tasks"),
        ({"concurrency": 0}, "concurrency is 0 jobs. Use 1 to 100"),
        ({"min_tasks": 11}, "min_tasks is 11 tasks. Use 0 to 10"),
        ({"max_tasks": 0}, "max_tasks is 0 tasks. Use 1 to 5,000"),
        ({"backlog_per_task": 0}, "backlog_per_task is 0 jobs"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    stack = Stack()
    if options.get("vpc") == ONE_ZONE:
        zone = {"availability_zones": ["us-east-1a"], "private_subnet_ids": ["subnet-a"]}
        options = {"vpc": ec2.Vpc.from_vpc_attributes(stack, "OneZone", vpc_id="vpc-2", **zone)}
    with pytest.raises(InvalidOptionError, match=message):
        QueueWorkers(stack, "Work", **{"container": container(), "vpc": network(stack), **options})


def test_an_existing_cluster_has_its_own_network() -> None:
    stack = Stack()
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="existing", vpc=network(stack))
    with pytest.raises(InvalidOptionError, match="vpc was given together with cluster"):
        QueueWorkers(stack, "Work", container=container(), cluster=cluster, vpc=cluster.vpc)


def test_an_existing_queue_has_a_place_for_poison_jobs() -> None:
    stack = Stack(App(), "Here")
    options: dict[str, Any] = {"container": container(), "vpc": network(stack)}
    endless = sqs.Queue(stack, "Endless")
    message = r"queues contains Here/Endless, which has no dead-letter queue\. Make it with dead_letter_queue="
    with pytest.raises(InvalidOptionError, match=message):
        QueueWorkers(stack, "Refused", queues=[WorkQueue("Jobs", queue=endless)], **options)
    failed = sqs.Queue(stack, "Failed")
    jobs = sqs.Queue(stack, "Jobs", dead_letter_queue=sqs.DeadLetterQueue(queue=failed, max_receive_count=3))
    imported = sqs.Queue.from_queue_arn(stack, "Imported", f"arn:aws:sqs:us-east-1:{ACCOUNT}:imported")
    given = [WorkQueue("Jobs", queue=jobs), WorkQueue("Imported", queue=imported)]
    workers = QueueWorkers(stack, "Work", queues=given, **options)
    assert dict(workers.dead_letter_queues) == {"Jobs": failed}
    said = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("redrive policy"))
    assert [(one.id, "Here/Imported" in str(one.entry.data)) for one in said] == [("/Here/Work", True)]


def test_an_existing_queue_whose_redrive_policy_is_set_on_its_resource_is_taken() -> None:
    stack = Stack(App(), "Here")
    queue = sqs.Queue(stack, "Jobs")
    queue.node.default_child.redrive_policy = {  # type: ignore[union-attr]
        "deadLetterTargetArn": sqs.Queue(stack, "Failed").queue_arn,
        "maxReceiveCount": 3,
    }
    given = [WorkQueue("Jobs", queue=queue)]
    workers = QueueWorkers(stack, "Work", container=container(), queues=given, vpc=network(stack))
    assert dict(workers.dead_letter_queues) == {}


def test_a_queue_of_another_region_and_an_unknown_name_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Here", env=Environment(account=ACCOUNT, region="us-east-1"))
    queue = sqs.Queue.from_queue_arn(stack, "Jobs", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:jobs")
    with pytest.raises(InvalidOptionError, match="queues is in eu-west-1, but the stack is in us-east-1"):
        QueueWorkers(stack, "Work", container=container(), queues=[WorkQueue("Jobs", queue=queue)], vpc=network(stack))
    workers = QueueWorkers(stack, "Others", container=container())
    sender = iam.Role(stack, "Sender", assumed_by=iam.AccountRootPrincipal())
    with pytest.raises(InvalidOptionError, match=r"queue is 'Bulk'. Use one of Work"):
        workers.grant_send(sender, queue="Bulk")
