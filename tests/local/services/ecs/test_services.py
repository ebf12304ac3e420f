"""Services: tasks that run as processes, behind a load balancer that knows their health."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdp_constructs.local import DeploymentError, LocalCloud
from tests.local.services.ecs.web import SERVER, Web, address

Eventually = Callable[..., Any]


@pytest.fixture(scope="module")
def web(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        system = Web(cloud, tmp_path_factory.mktemp("web"))
        deployment = system.deploy("first")
        yield system
        deployment.destroy()


@pytest.fixture(autouse=True)
def _steady(web: Web, eventually: Eventually) -> None:
    """Each test begins with two healthy tasks of the first version."""
    if {task["taskDefinitionArn"] for task in web.tasks()} and web.get().json()["version"] != "first":
        web.deploy("first")
    eventually(lambda: sorted(web.health().values()) == ["healthy"] * 2, within=60)


def test_every_task_has_its_own_address_and_answers(web: Web) -> None:
    tasks = web.tasks()
    assert len(tasks) == 2
    assert {task["lastStatus"] for task in tasks} == {"RUNNING"}
    answered = Counter(web.get("/a?b=c").json()["address"] for _ in range(10))
    assert set(answered) == {address(task) for task in tasks}
    assert min(answered.values()) == 5
    assert all(each.startswith("127.") and each != "127.0.0.1" for each in answered)


def test_a_container_has_the_variables_of_its_image_its_definition_and_its_secrets(web: Web) -> None:
    assert web.get().json()["variables"] == {"GREETING": "hello", "TOKEN": "t0k3n", "AWS_REGION": "eu-west-1"}


def test_what_it_writes_is_in_its_log_stream(web: Web) -> None:
    streams = web.client("logs").describe_log_streams(logGroupName=web.outputs["Logs"])["logStreams"]
    ids = {task["taskArn"].rpartition("/")[2] for task in web.tasks()}
    assert {f"web/web/{each}" for each in ids} <= {stream["logStreamName"] for stream in streams}
    assert "serving" in web.log()


def test_a_killed_task_is_replaced(web: Web, eventually: Eventually) -> None:
    killed = web.tasks()[0]["taskArn"]
    assert web.cloud.kill_task(killed) == 1
    eventually(lambda: len(web.tasks()) == 2 and killed not in {task["taskArn"] for task in web.tasks()})
    [stopped] = web.client("ecs").describe_tasks(cluster=web.outputs["Cluster"], tasks=[killed])["tasks"]
    assert (stopped["stopCode"], stopped["containers"][0]["exitCode"]) == ("EssentialContainerExited", 137)
    eventually(lambda: sorted(web.health().values()) == ["healthy"] * 2, within=60)


def test_a_task_that_hangs_gets_no_requests_and_is_replaced(web: Web, eventually: Eventually) -> None:
    before = {task["taskArn"] for task in web.tasks()}
    with pytest.raises(httpx.ReadTimeout):
        web.get("/hang", timeout=1)
    web.cloud.check_targets(times=2)  # two failures in a row, as the target group asks
    assert {web.get().status_code for _ in range(6)} == {200}
    eventually(lambda: len({task["taskArn"] for task in web.tasks()} - before) == 1, within=60)
    stopped = web.client("ecs").describe_tasks(cluster=web.outputs["Cluster"], tasks=sorted(before))["tasks"]
    assert any("Task failed ELB health checks" in task["stoppedReason"] for task in stopped)


def test_a_new_version_replaces_the_old_one_without_a_failed_request(web: Web) -> None:
    with web.asked() as statuses:
        web.deploy("second")
    assert web.get().json()["version"] == "second"
    assert set(statuses) == {200}


def test_requests_that_are_under_way_end_before_a_task_does(web: Web, eventually: Eventually) -> None:
    with web.asked() as statuses:
        web.client("ecs").update_service(cluster=web.outputs["Cluster"], service=web.outputs["Service"], desiredCount=1)
        eventually(lambda: len(web.tasks()) == 1)
        eventually(lambda: "ended" in web.log())  # by itself, after SIGTERM
        web.client("ecs").update_service(cluster=web.outputs["Cluster"], service=web.outputs["Service"], desiredCount=2)
        eventually(lambda: len(web.health()) == 2)
    assert set(statuses) == {200}


def test_a_version_that_does_not_start_is_rolled_back(web: Web) -> None:
    with web.asked() as statuses, pytest.raises(DeploymentError) as caught:
        web.deploy("broken", "import sys; sys.exit(3)\n")
    assert "did not become steady (ECS deployment circuit breaker was triggered" in str(caught.value)
    assert "Essential container exited (exit code 3)" in str(caught.value)
    assert web.get().json()["version"] == "first"
    assert set(statuses) == {200}


def test_a_version_whose_health_check_fails_is_rolled_back(web: Web) -> None:
    program = SERVER.replace("self.send_response(200)", "self.send_response(500 if self.path == '/health' else 200)")
    over = threading.Event()
    checker = threading.Thread(target=lambda: [web.cloud.check_targets() for _ in iter(lambda: over.wait(0.3), True)])
    checker.start()  # nobody waits for the intervals
    try:
        with pytest.raises(DeploymentError, match=r"did not become steady .*Task failed ELB health checks"):
            web.deploy("unhealthy", program)
    finally:
        over.set()
        checker.join()
    assert web.get().json()["version"] == "first"


def test_a_task_with_an_image_of_a_registry_is_described_only(web: Web) -> None:
    ecs, cluster = web.client("ecs"), web.outputs["Cluster"]
    definition = ecs.register_task_definition(
        family="foreign", containerDefinitions=[{"name": "a", "image": "nginx:latest"}], networkMode="awsvpc"
    )["taskDefinition"]["taskDefinitionArn"]
    [task] = ecs.run_task(cluster=cluster, taskDefinition=definition)["tasks"]
    assert task["lastStatus"] == "RUNNING"
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        web.cloud.kill_task(task["taskArn"])  # nothing runs
    ecs.create_service(cluster=cluster, serviceName="foreign", taskDefinition=definition, desiredCount=2)
    [service] = ecs.describe_services(cluster=cluster, services=["foreign"])["services"]
    assert (service["runningCount"], service["deployments"][0]["rolloutState"]) == (2, "COMPLETED")
    ecs.delete_service(cluster=cluster, service="foreign", force=True)
    ecs.stop_task(cluster=cluster, task=task["taskArn"])


@pytest.mark.usefixtures("web")
def test_containers_run_as_another_user_than_the_server() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run them as others")
    pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and _is_web(each)]
    assert pids
    assert all(Path(f"/proc/{pid}").stat().st_uid not in {0, 65534} for pid in pids)


def _is_web(process: Path) -> bool:
    try:
        return b"root/app/main.py" in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_nothing_is_left_when_the_server_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with LocalCloud.start() as own:
        Web(own, tmp_path).deploy("first")
        folder = Path(own.log_file or "").parent
        groups = [int(file.name) for file in (folder / "groups").iterdir()]
        assert len(groups) == 2
        server = next(
            int(pid) for pid in Path(f"/proc/{_guardian(folder)}/task/{_guardian(folder)}/children").read_text().split()
        )
        os.kill(server, signal.SIGKILL)
        eventually(lambda: not any(Path(f"/proc/{group}").exists() for group in groups))


def _guardian(folder: Path) -> int:
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and str(folder).encode() in (process / "cmdline").read_bytes():
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if str(folder).encode() not in Path(f"/proc/{parent}/cmdline").read_bytes():
                return int(process.name)
    raise AssertionError("there is no guardian")


def test_an_image_without_a_working_directory_starts_in_its_root(web: Web) -> None:
    web.deploy("rooted", dockerfile='FROM python:3.13-slim\nADD main.py .\nCMD ["python", "./main.py"]\n')
    assert web.get().json()["version"] == "rooted"
