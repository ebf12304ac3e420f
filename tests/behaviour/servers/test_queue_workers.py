"""What QueueWorkers and the module `queue_worker` do, with containers and queues of the embedded cloud."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack

from cdp_constructs import QueueWorkers, ServiceContainer, WorkQueue, image_from_folder
from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually

REGION = "us-east-1"
DOCKERFILE = 'FROM python:3.13-slim\nWORKDIR /app\nRUN pip install boto3\nCOPY . .\nCMD ["python", "worker.py"]\n'
PROGRAM = """
import json, os, time
from queue_worker import Job, Worker

def work(job: Job) -> None:
    content = json.loads(job.body)
    print("started", content["name"], flush=True)
    time.sleep(content.get("seconds", 0))
    if content.get("fails"):
        raise ValueError("poison")
    print("done", content["name"], flush=True)

print("worker starts", flush=True)
Worker.from_environment(work).run()
print("worker ends", flush=True)
"""


class Workers:
    """The deployed workers."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.cloud = cloud
        program = folder / "program"
        program.mkdir()
        (program / "Dockerfile").write_text(DOCKERFILE)
        (program / "worker.py").write_text(PROGRAM)
        app = App(outdir=str(folder / "cdk.out"))
        stack = Stack(app, "QueueWorkers")
        workers = QueueWorkers(
            stack,
            "Work",
            container=ServiceContainer(
                image_from_folder(stack, "Image", folder=str(program), modules=["queue_worker"]),
                stop_timeout=Duration.seconds(10),
            ),
            queues=[
                WorkQueue("Urgent", weight=3, visibility_timeout=Duration.seconds(10), max_receive_count=2),
                WorkQueue("Bulk", visibility_timeout=Duration.seconds(10)),
            ],
            max_tasks=4,
            removal_policy=RemovalPolicy.DESTROY,
        )
        outputs = {
            "Urgent": workers.queues["Urgent"].queue_url,
            "Bulk": workers.queues["Bulk"].queue_url,
            "Failed": workers.dead_letter_queues["Urgent"].queue_url,
            "Cluster": workers.cluster.cluster_name,
            "Service": workers.service.service_name,
            "Logs": workers.node.find_child("Logs").log_group_name,  # type: ignore[attr-defined]
        }
        for name, value in outputs.items():
            CfnOutput(stack, f"{name}Name", value=value)
        app.synth()
        self.deployment = cloud.deploy(folder / "cdk.out")
        self.outputs = {
            name.removesuffix("Name"): value for name, value in self.deployment.outputs["QueueWorkers"].items()
        }

    def client(self, service: str) -> Any:
        return self.cloud.client(service, region=REGION)

    def send(self, queue: str, *names: str, **options: Any) -> None:
        for name in names:
            body = json.dumps({"name": name, **options})
            self.client("sqs").send_message(QueueUrl=self.outputs[queue], MessageBody=body)

    def lines(self) -> list[str]:
        """What the workers have printed, oldest first."""
        events = self.client("logs").filter_log_events(logGroupName=self.outputs["Logs"])["events"]
        return [event["message"].strip() for event in events]

    def count(self, queue: str) -> tuple[int, int]:
        """The messages that wait, and those in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=names)
        waiting, working = (int(answer["Attributes"][name]) for name in names)
        return waiting, working

    def scale(self, count: int) -> None:
        """Let a number of tasks run, as Application Auto Scaling does."""
        self.client("ecs").update_service(
            cluster=self.outputs["Cluster"], service=self.outputs["Service"], desiredCount=count
        )

    def suspend_scaling(self, *, suspended: bool) -> None:
        """Let no alarm change the count: a job that waits for its next try is none that a task is kept for."""
        self.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId=f"service/{self.outputs['Cluster']}/{self.outputs['Service']}",
            SuspendedState={"DynamicScalingInSuspended": suspended, "DynamicScalingOutSuspended": suspended},
        )

    def wanted(self) -> int:
        described = self.client("ecs").describe_services(
            cluster=self.outputs["Cluster"], services=[self.outputs["Service"]]
        )
        return int(described["services"][0]["desiredCount"])

    def tasks(self) -> list[str]:
        found: list[str] = self.client("ecs").list_tasks(cluster=self.outputs["Cluster"])["taskArns"]
        return found


@pytest.fixture(scope="module")
def workers(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        system = Workers(local_cloud, tmp_path_factory.mktemp("workers"))
        yield system
        system.deployment.destroy()


@pytest.fixture
def one_task(workers: Workers) -> Iterator[None]:
    workers.suspend_scaling(suspended=True)
    workers.scale(1)
    eventually(lambda: len(workers.tasks()) == 1, within=30)
    yield
    workers.suspend_scaling(suspended=False)


@pytest.mark.usefixtures("one_task")
def test_jobs_are_done_and_deleted(workers: Workers) -> None:
    workers.send("Urgent", "a", "b")
    workers.send("Bulk", "c")
    eventually(lambda: {"done a", "done b", "done c"} <= set(workers.lines()), within=60)
    eventually(lambda: workers.count("Urgent") == workers.count("Bulk") == (0, 0), within=20)


@pytest.mark.usefixtures("one_task")
def test_a_poison_job_is_kept_and_the_others_go_on(workers: Workers) -> None:
    workers.send("Urgent", "poison", fails=True)
    workers.send("Urgent", "after")
    eventually(lambda: "done after" in workers.lines(), within=30)
    eventually(lambda: workers.count("Failed") == (1, 0), within=60)
    assert workers.lines().count("started poison") == 2
    [kept] = workers.client("sqs").receive_message(QueueUrl=workers.outputs["Failed"])["Messages"]
    assert json.loads(kept["Body"])["name"] == "poison"


@pytest.mark.usefixtures("one_task")
def test_a_job_that_runs_longer_than_its_visibility_is_done_once(workers: Workers) -> None:
    workers.send("Bulk", "long", seconds=13)
    eventually(lambda: "started long" in workers.lines(), within=30)
    eventually(lambda: "done long" in workers.lines(), within=40)
    assert workers.lines().count("started long") == 1
    eventually(lambda: workers.count("Bulk") == (0, 0), within=10)


@pytest.mark.usefixtures("one_task")
def test_a_task_that_is_killed_loses_no_job(workers: Workers) -> None:
    workers.send("Bulk", "survivor", seconds=2)
    eventually(lambda: "started survivor" in workers.lines(), within=30)
    workers.cloud.kill_task(workers.tasks()[0])
    eventually(lambda: "done survivor" in workers.lines(), within=60)
    assert workers.lines().count("started survivor") == 2


@pytest.mark.usefixtures("one_task")
def test_a_task_that_is_stopped_finishes_its_job_or_returns_it(workers: Workers) -> None:
    workers.send("Bulk", "short", seconds=2)
    eventually(lambda: "started short" in workers.lines(), within=30)
    workers.scale(0)
    eventually(lambda: workers.lines().count("done short") == 1, within=20)
    eventually(lambda: "worker ends" in workers.lines(), within=20)
    workers.scale(1)
    workers.send("Bulk", "endless", seconds=60)
    eventually(lambda: "started endless" in workers.lines(), within=60)
    workers.scale(0)
    # Returned at once, before its visibility timeout would have let it come again.
    eventually(lambda: workers.count("Bulk") == (1, 0), within=20)
    assert "done endless" not in workers.lines()
    workers.client("sqs").purge_queue(QueueUrl=workers.outputs["Bulk"])


def test_tasks_follow_the_backlog_from_zero_and_back(workers: Workers) -> None:
    workers.scale(0)
    eventually(lambda: workers.tasks() == [], within=30)
    workers.cloud.metrics.advance(minutes=3)
    workers.send("Bulk", *(f"many{number}" for number in range(25)), seconds=0.1)
    workers.cloud.metrics.advance(minutes=2)
    assert workers.wanted() >= 1  # the first task, by the alarm of its own
    eventually(lambda: {f"done many{number}" for number in range(25)} <= set(workers.lines()), within=90)
    workers.cloud.metrics.advance(minutes=25)
    assert workers.wanted() == 0
    eventually(lambda: workers.tasks() == [], within=30)
