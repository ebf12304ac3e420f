"""Stamp on the embedded cloud: made anew by hand, for its health and when it is lost; the state stays outside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from cdp_constructs import ServiceContainer, ServiceRoute, Stamp
from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from docs.examples.stamp import CHECK
from tests.networks import existing_vpc, front

# Containers are processes of this machine; `make test-servers` runs these.
pytestmark = pytest.mark.conformance
REGION = "us-east-1"
STACK = "StampDriven"
DOCKERFILE = 'FROM python:3.13-slim\nWORKDIR /app\nCOPY main.py .\nCMD ["python", "/app/main.py"]\n'
PROGRAM = """
import http.server, json, os, signal, threading, uuid

LIFE, broken = uuid.uuid4().hex, []

class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/ledger/break":
            broken.append(True)
        self.send_response(503 if self.path == "/health/deep" and broken else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"life": LIFE, "settings": os.environ["SETTINGS"]}).encode())

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("", 8080), Server)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""


class Ledger:
    """The deployed server."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self.cloud, self.outputs = cloud, outputs

    def client(self, service: str) -> Any:
        return self.cloud.client(service, region=REGION)

    def get(self, path: str = "/ledger/") -> dict[str, str]:
        """Return what the server says of itself; nothing while there is none."""
        headers = {"Host": f"{self.outputs['Host']}:443"}
        answer = httpx.get(f"{self.cloud.endpoint}{path}", headers=headers, timeout=20)
        return dict(answer.json()) if answer.status_code == 200 else {}

    def successor(self, life: str) -> dict[str, str]:
        """Wait for another server than one, and return what it says of itself."""
        return dict(eventually(lambda: (now := self.get()).get("life", life) != life and now, within=60))

    def tasks(self, status: str = "RUNNING") -> list[dict[str, Any]]:
        ecs_client, cluster = self.client("ecs"), self.outputs["Cluster"]
        arns = ecs_client.list_tasks(cluster=cluster, desiredStatus=status)["taskArns"]
        return list(ecs_client.describe_tasks(cluster=cluster, tasks=arns)["tasks"]) if arns else []

    def update(self, **changes: Any) -> None:
        self.client("ecs").update_service(cluster=self.outputs["Cluster"], service=self.outputs["Service"], **changes)


@pytest.fixture(scope="module")
def ledger(
    local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory, cdk_context: dict[str, Any]
) -> Iterator[Ledger]:
    folder: Path = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "main.py").write_text(PROGRAM)
    app = App(context=cdk_context, outdir=str(tmp_path_factory.mktemp("stamp") / "cdk.out"))
    stack = Stack(app, STACK)
    vpc = existing_vpc(stack)
    settings = ssm.StringParameter(stack, "Settings", string_value="first")
    balancer = front(stack, vpc=vpc)
    stamp = Stamp(
        stack,
        "Ledger",
        container=ServiceContainer(
            ecs.ContainerImage.from_asset(str(folder)),
            secrets={"SETTINGS": ecs.Secret.from_ssm_parameter(settings)},
            stop_timeout=Duration.seconds(10),
        ),
        health_check_command=["python", "-c", CHECK],
        vpc=vpc,
        replaced_within=Duration.minutes(2),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    stamp.add_route(
        "Web",
        front=balancer,
        route=ServiceRoute(priority=1, path_patterns=["/ledger/*"], deregistration_delay=Duration.seconds(1)),
    )
    for name, value in {
        "Host": balancer.load_balancer.load_balancer_dns_name,
        "Cluster": stamp.cluster.cluster_name,
        "Service": stamp.service.service_name,
        "SettingsName": settings.parameter_name,
    }.items():
        CfnOutput(stack, name, value=value)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield Ledger(local_cloud, dict(local_cloud.deploy(app.synth().directory).outputs[STACK]))


@pytest.fixture
def life(ledger: Ledger) -> str:
    """What the server that runs before a test calls itself."""
    return str(eventually(ledger.get, within=60)["life"])


def test_by_hand_it_is_made_anew_and_reads_its_settings(ledger: Ledger, life: str) -> None:
    ledger.client("ssm").put_parameter(Name=ledger.outputs["SettingsName"], Value="second", Overwrite=True)
    assert ledger.get()["settings"] == "first"
    ledger.update(forceNewDeployment=True)
    assert ledger.successor(life)["settings"] == "second"
    assert len(ledger.tasks()) == 1


def test_never_two_at_a_time(ledger: Ledger, life: str) -> None:
    ledger.update(forceNewDeployment=True)
    most = 0

    def replaced() -> bool:
        nonlocal most
        most = max(most, len(ledger.tasks()))
        return ledger.get().get("life", life) != life

    eventually(replaced, within=60)
    assert most == 1


def test_a_lost_server_is_replaced(ledger: Ledger, life: str) -> None:
    (task,) = ledger.tasks()
    ledger.cloud.kill_task(task["taskArn"])
    ledger.successor(life)
    (other,) = ledger.tasks()
    assert other["taskArn"] != task["taskArn"]
    away = other["createdAt"] - task["createdAt"]
    assert away.total_seconds() > 0


def test_a_server_that_cannot_do_its_work_is_replaced(ledger: Ledger, life: str) -> None:
    (task,) = ledger.tasks()
    eventually(lambda: ledger.tasks()[0]["containers"][0].get("healthStatus") == "HEALTHY", within=60)
    ledger.get("/ledger/break")
    # Three checks of 10 seconds, as the template says: that is what the promised time is made of.
    successor = eventually(lambda: (now := ledger.get()).get("life", life) != life and now, within=90)
    assert successor["life"] != life
    [stopped] = ledger.client("ecs").describe_tasks(cluster=ledger.outputs["Cluster"], tasks=[task["taskArn"]])["tasks"]
    assert "health check" in stopped["stoppedReason"]


@pytest.mark.usefixtures("life")
def test_an_alarm_is_raised_when_it_is_away_for_longer_than_stated(ledger: Ledger) -> None:
    def state(name: str) -> str:
        alarms = ledger.client("cloudwatch").describe_alarms()["MetricAlarms"]
        (found,) = [alarm["StateValue"] for alarm in alarms if name in alarm["AlarmName"]]
        return str(found)

    for _ in range(3):
        ledger.cloud.metrics.advance(minutes=1)
    assert (state("LedgerReplacementAlarm"), state("LedgerWebUnavailableAlarm")) == ("OK", "OK")
    ledger.update(desiredCount=0)
    eventually(lambda: not ledger.tasks(), within=60)
    ledger.cloud.metrics.advance(minutes=7)  # CloudWatch looks for a value in some minutes before those two, too
    assert (state("LedgerReplacementAlarm"), state("LedgerWebUnavailableAlarm")) == ("ALARM", "ALARM")
    ledger.update(desiredCount=1)
    eventually(ledger.get, within=60)
    for _ in range(3):
        ledger.cloud.metrics.advance(minutes=1)
    assert state("LedgerReplacementAlarm") == "OK"
