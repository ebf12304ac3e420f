"""`--containers docker`: which engines are refused, and what one is asked for. A stand-in has the place of Docker."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import DeploymentError, LocalCloud
from cdp_constructs.local.errors import StartError
from cdp_constructs.local.process import container_engines
from tests.local.containers.engine import calls, install
from tests.local.services.ecs.web import DOCKERFILE, Web, address

Eventually = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("engine")
    install(made)
    return made


@pytest.fixture(scope="module")
def web(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", str(folder), prepend=os.pathsep)
        with LocalCloud.start(timeout=120, containers="docker") as cloud:
            health = {"Command": ["CMD-SHELL", 'test "$GREETING" = hello'], "Interval": 5}
            system = Web(cloud, tmp_path_factory.mktemp("web"), {"Container": {"HealthCheck": health}})
            system.deploy("first", dockerfile="FROM debian\nRUN apt-get install -y everything\n")
            yield system
    assert not list((folder / "containers").iterdir()), "containers outlive the embedded cloud"
    assert not _processes(str(tmp_path_factory.getbasetemp()), "main.py")


def test_tasks_run_in_containers_of_the_engine(web: Web, folder: Path) -> None:
    assert web.cloud.containers == "docker"
    assert {web.get().json()["address"] for _ in range(6)} == {address(task) for task in web.tasks()}
    answer = web.get().json()
    assert answer["variables"] == {"GREETING": "hello", "TOKEN": "t0k3n", "AWS_REGION": "eu-west-1"}
    [build] = calls(folder, "build")
    assert build[1:3] == ["--tag", "cdp-local/cdk-hnb659fds-container-assets-000000000000-eu-west-1:first"]
    asked = calls(folder, "run")[0]
    assert asked[asked.index("--network") + 1] == "host"
    assert asked[asked.index("--memory") + 1] == "512m"
    assert asked[-1] == build[2]
    # What verifies caches, where OpenSSL looks for it.
    assert [word.split(":")[2] for word in asked if word.split(":")[0].endswith("/authorities.pem")] == ["ro"]
    assert "SSL_CERT_FILE" in asked


def test_values_of_variables_are_not_in_the_command(web: Web, folder: Path) -> None:
    assert web.get().json()["variables"]["TOKEN"] == "t0k3n"
    assert not any("t0k3n" in word for asked in calls(folder, "run") for word in asked)


def test_what_they_write_is_in_their_log_streams(web: Web) -> None:
    assert "serving" in web.log()


def test_a_killed_task_is_replaced(web: Web, eventually: Eventually) -> None:
    killed = web.tasks()[0]["taskArn"]
    assert web.cloud.kill_task(killed) == 1
    eventually(lambda: len(web.tasks()) == 2 and killed not in {task["taskArn"] for task in web.tasks()})
    [stopped] = web.client("ecs").describe_tasks(cluster=web.outputs["Cluster"], tasks=[killed])["tasks"]
    assert stopped["containers"][0]["exitCode"] == 137
    eventually(lambda: sorted(web.health().values()) == ["healthy"] * 2, within=60)


def test_a_new_version_replaces_the_old_one(web: Web, folder: Path, eventually: Eventually) -> None:
    web.deploy("second")
    eventually(lambda: {web.get().json()["version"] for _ in range(4)} == {"second"}, within=30)
    assert [asked[1:3] for asked in calls(folder, "stop")] == [["-t", "5"]] * 2
    assert "ended" in web.log()


def test_an_image_that_cannot_be_built_says_why(web: Web) -> None:
    with pytest.raises(DeploymentError, match="unknown instruction: BROKEN"):
        web.deploy("third", dockerfile=f"{DOCKERFILE}BROKEN\n")


def test_containers_end_with_a_server_that_is_killed(folder: Path, tmp_path: Path, eventually: Eventually) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", str(folder), prepend=os.pathsep)
        before = {each.name for each in (folder / "containers").iterdir()}
        with LocalCloud.start(timeout=120, containers="docker") as cloud:
            Web(cloud, tmp_path / "web").deploy("first")
            own = {each.name for each in (folder / "containers").iterdir()} - before
            assert len(own) == 2
            assert cloud.log_file is not None
            _, server = _processes(f"--folder {cloud.log_file.parent}")
            os.kill(server, signal.SIGKILL)
            eventually(lambda: not own & {each.name for each in (folder / "containers").iterdir()}, within=30)


def _processes(*words: str) -> list[int]:
    """The processes whose command has all the words, oldest first."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,args=", "--sort=start_time"], capture_output=True, text=True, check=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if all(word in line for word in words)]


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (
            {"error": "Cannot connect to the Docker daemon at unix:///run/no.sock. Is the docker daemon running?"},
            r"Cannot connect to the Docker daemon at unix:///run/no\.sock.*; start the engine, name its socket in",
        ),
        ({"Name": "elsewhere"}, "it runs on elsewhere, whose network is not that of this machine"),
        ({"SecurityOptions": ["name=seccomp", "name=rootless"]}, "Docker without root has a network of its own"),
    ],
)
def test_an_engine_that_does_not_serve_is_refused_in_one_line(
    described: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, **described)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(StartError, match=message) as refusal:
        LocalCloud.start(containers="docker")
    assert str(refusal.value).endswith("or leave out `--containers docker`")
    assert "\n" not in str(refusal.value)


def test_without_an_engine_the_commands_that_are_looked_for_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartError, match="neither docker nor podman is on the PATH"):
        container_engines.find()


def test_podman_of_a_user_without_root_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names its machine elsewhere, and says of itself that it is rootless; its containers have this network."""
    install(tmp_path, host={"hostname": os.uname().nodename, "security": {"rootless": True}}, Name=None)
    (tmp_path / "docker").rename(tmp_path / "podman")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/podman/podman.sock")
    found = container_engines.find()
    assert found.command == str(tmp_path / "podman")
    assert found.environment["DOCKER_HOST"] == "unix:///run/user/1000/podman/podman.sock"
