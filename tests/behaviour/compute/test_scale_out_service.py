"""ScaleOutService on the embedded cloud: tasks run, requests are under way, and something happens to the tasks."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns as sns

from cdp_constructs import ScaleOutService, ServiceContainer, ServiceRoute, ServiceScaling
from cdp_constructs.local import DeploymentError, LocalCloud
from cdp_constructs.testing import eventually
from docs.examples.scale_out_service import SERVER
from tests.networks import front

# Containers are processes of this machine; `make test-servers` runs these.
pytestmark = pytest.mark.conformance
REGION = "us-east-1"
STACK = "ScaleOutServiceDriven"


def build(stack: Stack, release: str, command: list[str] | None) -> None:
    balancer = front(stack)
    shop = ScaleOutService(
        stack,
        "Shop",
        front=balancer,
        container=ServiceContainer(
            ecs.ContainerImage.from_asset(str(SERVER)), environment={"RELEASE": release}, command=command
        ),
        route=ServiceRoute(path_patterns=["/shop/*"], priority=1),
        scaling=ServiceScaling(max_capacity=4, requests_per_target=10),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    deep = shop.add_deep_health_check("DeepHealth")
    for name, value in {
        "Host": balancer.load_balancer.load_balancer_dns_name,
        "Cluster": shop.cluster.cluster_name,
        "Service": shop.service.service_name,
        "Targets": shop.target_group.target_group_arn,
        "Logs": shop.log_group.log_group_name,
        "Deep": deep.function_name,
    }.items():
        CfnOutput(stack, name, value=value)


class Shop:
    """The deployed service."""

    def __init__(self, cloud: LocalCloud, folder: Path, context: dict[str, Any]) -> None:
        self.cloud, self._folder, self._context = cloud, folder, context
        self.outputs: dict[str, str] = {}

    def deploy(self, release: str, command: list[str] | None = None) -> None:
        app = App(context=self._context, outdir=str(self._folder / release))
        build(Stack(app, STACK), release, command)
        self.outputs = dict(self.cloud.deploy(app.synth().directory).outputs[STACK])

    def client(self, service: str) -> Any:
        return self.cloud.client(service, region=REGION)

    def get(self, path: str = "/shop/", port: int = 443) -> httpx.Response:
        headers = {"Host": f"{self.outputs['Host']}:{port}"}
        return httpx.get(f"{self.cloud.endpoint}{path}", headers=headers, timeout=20)

    def tasks(self) -> set[str]:
        arns = self.client("ecs").list_tasks(cluster=self.outputs["Cluster"])["taskArns"]
        return set(arns)

    def desired(self) -> int:
        outputs = self.outputs
        found = self.client("ecs").describe_services(cluster=outputs["Cluster"], services=[outputs["Service"]])
        return int(found["services"][0]["desiredCount"])

    def healthy(self) -> int:
        described = self.client("elbv2").describe_target_health(TargetGroupArn=self.outputs["Targets"])
        return sum(one["TargetHealth"]["State"] == "healthy" for one in described["TargetHealthDescriptions"])

    @contextmanager
    def asked(self) -> Iterator[Counter[int]]:
        """Ask all the time inside the block, and count the answers by status."""
        statuses: Counter[int] = Counter()
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                statuses[self.get().status_code] += 1
                time.sleep(0.02)

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            yield statuses
        finally:
            over.set()
            asker.join()


@pytest.fixture(scope="module")
def shop(
    local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory, cdk_context: dict[str, Any]
) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        deployed = Shop(local_cloud, tmp_path_factory.mktemp("shop"), cdk_context)
        deployed.deploy("first")
        yield deployed


@pytest.fixture(autouse=True)
def _two_healthy_tasks(shop: Shop) -> None:
    # A new service has one task: what sees to the least number needs three minutes without the second one.
    for _ in range(5):
        if shop.desired() < 2:
            shop.cloud.metrics.advance(minutes=1)
    eventually(lambda: shop.desired() >= 2 and shop.healthy() >= 2, within=60)


def test_https_is_answered_by_the_tasks_and_http_redirects(shop: Shop) -> None:
    assert shop.get().json() == {"release": "first", "path": "/shop/"}
    redirect = shop.get(port=80)
    assert redirect.status_code == 301
    assert redirect.headers["location"].startswith("https://")
    assert shop.get("/other").status_code == 404  # no service has it


def test_more_requests_are_answered_by_more_tasks(shop: Shop) -> None:
    assert shop.desired() == 2
    with httpx.Client(headers={"Host": f"{shop.outputs['Host']}:443"}, timeout=20) as client:
        # Three minutes in a row decide, and a minute may end while its requests are sent.
        for _ in range(5):
            for _ in range(60):
                assert client.get(f"{shop.cloud.endpoint}/shop/").status_code == 200
            shop.cloud.metrics.advance(minutes=1)
    shop.cloud.metrics.advance(minutes=2)
    eventually(lambda: 2 < shop.desired() <= 4, within=30)
    eventually(lambda: shop.healthy() == shop.desired(), within=60)


def test_a_lost_task_is_replaced_and_the_other_one_answers(shop: Shop) -> None:
    lost = min(shop.tasks())
    shop.cloud.kill_task(lost)
    eventually(lambda: lost not in shop.tasks() and len(shop.tasks()) >= 2, within=60)
    eventually(lambda: shop.healthy() >= 2, within=60)
    with shop.asked() as statuses:
        time.sleep(1)
    assert set(statuses) == {200}


def test_a_deployment_loses_no_request(shop: Shop) -> None:
    with shop.asked() as statuses:
        shop.deploy("second")
    assert shop.get().json()["release"] == "second"
    assert set(statuses) == {200}


def test_a_release_that_does_not_start_is_rolled_back_and_nobody_notices(shop: Shop) -> None:
    release = shop.get().json()["release"]
    with shop.asked() as statuses, pytest.raises(DeploymentError, match="circuit breaker"):
        shop.deploy("broken", command=["python", "-c", "raise SystemExit(3)"])
    assert shop.get().json()["release"] == release
    assert set(statuses) == {200}


def test_a_failing_dependency_raises_an_alarm_and_replaces_no_task(shop: Shop) -> None:
    before, wanted = shop.tasks(), shop.desired()
    function = shop.client("lambda")
    for _ in range(4):
        # The service's name does not resolve here: for the check it is as if nothing answered.
        answer = function.invoke(FunctionName=shop.outputs["Deep"], Payload=b"{}")
        assert b'"healthy":false' in answer["Payload"].read().replace(b" ", b"")
        shop.cloud.metrics.advance(minutes=1)
    alarms = shop.client("cloudwatch").describe_alarms()["MetricAlarms"]
    (state,) = [alarm["StateValue"] for alarm in alarms if "DeepHealthAlarm" in alarm["AlarmName"]]
    assert state == "ALARM"
    # Scaling by the requests of other tests may add and remove some; no other one is new, so none was replaced.
    assert len(shop.tasks() - before) <= max(0, shop.desired() - wanted)
