"""The server starts alone, listens on the loopback address only, and leaves nothing behind, however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest

from cdp_constructs.local import LocalCloud, StartError
from cdp_constructs.local.process import folders, launcher, root_keys
from cdp_constructs.local.process.launcher import ServerProcess
from tests.archives import zipped
from tests.processes import children

_PATIENCE_SECONDS = 8.0


@cache  # asked for the first time while the server runs
def _temporary_folder(server: ServerProcess) -> Path:
    assert server.folder.exists()
    return folders.temporary_folder(server.folder)


def _members(server: ServerProcess) -> dict[int, str]:
    """Process id and command line of the processes that belong to a server: they name one of its folders."""
    named = (str(server.folder), str(_temporary_folder(server)))
    command = ["ps", "-e", "-ww", "-o", "pid=", "-o", "stat=", "-o", "args="]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split(maxsplit=2) for line in listing.splitlines()]
    running = [(int(pid), args) for pid, state, args in rows if not state.startswith("Z")]
    return {pid: args for pid, args in running if any(folder in args for folder in named)}


def _wait_until_gone(server: ServerProcess) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    places = (server.folder, _temporary_folder(server))
    while (members := _members(server)) or any(folder.exists() for folder in places):
        left = [folder for folder in places if folder.exists()]
        assert time.monotonic() < deadline, f"left behind: {members}, folders: {left}"
        time.sleep(0.05)


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    running = launcher.launch()
    assert _members(running)
    yield running
    launcher.stop(running)


# What a user's process does with a cloud; each ends it in its own way. The first line of output describes the server.
_PRELUDE = """
import os, signal, sys, time
from cdp_constructs.local import LocalCloud
cloud = LocalCloud.start()
print(cloud.endpoint, cloud.mqtt_port, cloud.log_file.parent, flush=True)
sys.stdin.readline()
"""


def _child(body: str) -> tuple[subprocess.Popen[str], ServerProcess]:
    child = subprocess.Popen(  # our own interpreter with our own program
        [sys.executable, "-c", _PRELUDE + body],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert child.stdin is not None
    assert child.stdout is not None
    endpoint, mqtt_port, folder = child.stdout.readline().split()
    server = ServerProcess(endpoint, int(mqtt_port), 0, Path(folder))
    assert server.folder.exists()
    assert _members(server)
    child.stdin.write("go on\n")
    child.stdin.flush()
    return child, server


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("cloud.stop()", id="stop"),
        pytest.param("", id="end of the program without stop"),
        pytest.param("del cloud", id="object collected"),
        pytest.param("raise SystemExit(3)", id="exit"),
        pytest.param("with cloud: raise ValueError('boom')", id="exception in the block"),
        pytest.param("raise ValueError('boom')", id="uncaught exception"),
        pytest.param("os._exit(9)", id="exit without cleaning up"),
    ],
)
def test_nothing_is_left_after_the_program_ends(body: str) -> None:
    child, server = _child(body)
    child.communicate(timeout=20)
    _wait_until_gone(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_is_left_after_the_program_is_signalled(number: signal.Signals) -> None:
    child, server = _child("time.sleep(60)")
    child.send_signal(number)
    child.communicate(timeout=20)
    _wait_until_gone(server)


def test_the_workers_of_functions_end_with_their_server() -> None:
    body = """
import io, json, zipfile
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as archive:
    archive.writestr("index.py", '''
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def handler(event, context):
    time.sleep(event["sleep"])
    return os.getpid()
''')
role = cloud.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"}}]}))["Role"]["Arn"]
functions = cloud.client("lambda")
functions.create_function(FunctionName="worker", Runtime="python3.14", Handler="index.handler", Role=role, Timeout=90,
                          Code={"ZipFile": code.getvalue()})
pid = functions.invoke(FunctionName="worker", Payload=b'{"sleep": 0}')["Payload"].read()
functions.invoke(FunctionName="worker", InvocationType="Event", Payload=b'{"sleep": 60}')
print(int(pid), flush=True)
time.sleep(60)
"""
    child, server = _child(body)
    assert child.stdout is not None
    worker = child.stdout.readline()
    assert worker, child.communicate()[1]
    assert int(worker) in _members(server)
    child.kill()
    child.communicate(timeout=20)
    _wait_until_gone(server)


def test_a_server_that_is_killed_takes_its_folder_along(server: ServerProcess) -> None:
    os.kill(children(server.pid)[0], signal.SIGKILL)
    _wait_until_gone(server)


def test_a_server_whose_guardian_is_killed_ends(server: ServerProcess) -> None:
    os.kill(server.pid, signal.SIGKILL)
    _wait_until_gone(server)


def test_a_detached_server_outlives_the_program_and_ends_when_told() -> None:
    program = (
        "from cdp_constructs.local.process import launcher\n"
        "server = launcher.launch()\n"
        "launcher.detach(server)\n"
        "print(server.endpoint, server.mqtt_port, server.pid, server.folder)"
    )
    root = Path(__file__).parents[3]
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=root)
    endpoint, mqtt_port, pid, folder = ended.stdout.split()
    server = ServerProcess(endpoint, int(mqtt_port), int(pid), Path(folder))
    try:
        assert _members(server)
        time.sleep(0.3)  # longer than the guardian takes to notice
        assert launcher.is_ready(endpoint)
    finally:
        launcher.stop(server)
    _wait_until_gone(server)


def test_everything_listens_on_the_loopback_address_only(server: ServerProcess) -> None:
    for port in (int(server.endpoint.rsplit(":", 1)[1]), server.mqtt_port):
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:  # the MQTT listener comes up after the gateway
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            time.sleep(0.05)
        # Taking the port on another address works only when nobody listens on every address.
        with socket.create_server(("127.0.0.2", port)) as elsewhere:
            assert elsewhere.getsockname() == ("127.0.0.2", port)


def test_a_fork_of_the_program_does_not_take_the_server_along() -> None:
    program = (
        "import os, sys\n"
        "from cdp_constructs.local import LocalCloud\n"
        "from cdp_constructs.local.process import launcher\n"
        "cloud = LocalCloud.start()\n"
        "if (fork := os.fork()) == 0:\n"
        "    sys.exit()\n"
        "os.waitpid(fork, 0)\n"
        "print(launcher.is_ready(cloud.endpoint))"
    )
    root = Path(__file__).parents[3]
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=root)
    assert ended.stdout == "True\n"


def test_its_files_are_private(server: ServerProcess) -> None:
    LocalCloud.attach(server.endpoint).client("cognito-idp").create_user_pool(PoolName="with keys")
    assert list((server.folder / "state").glob("**/*.pem"))
    for path in (server.folder, *server.folder.glob("*/"), *server.folder.glob("state/**/*"), server.log_file):
        if not path.is_symlink() and path.name != "library":
            assert path.stat().st_mode & 0o077 == 0, path


def test_two_servers_run_side_by_side(server: ServerProcess) -> None:
    with LocalCloud.start() as other, LocalCloud.attach(server.endpoint) as first:
        assert other.endpoint != first.endpoint
        other.client("sqs").create_queue(QueueName="only-here")
        assert not first.client("sqs").list_queues().get("QueueUrls")


def test_it_is_ready_within_two_seconds() -> None:
    def seconds_to_start() -> float:
        started = time.monotonic()
        with LocalCloud.start():
            return time.monotonic() - started

    # The best of three: what else the machine does meanwhile is not the server's doing.
    assert min(seconds_to_start() for _ in range(3)) < 2.0


def test_the_port_can_be_chosen_and_a_taken_one_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} of 127.0.0.1 is not free"):
            LocalCloud.start(port=port)
    with LocalCloud.start(port=port) as cloud:
        assert cloud.endpoint == f"http://127.0.0.1:{port}"


def test_a_server_that_cannot_start_shows_its_log_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ministack.py").write_text("raise RuntimeError('broken on purpose')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: _folder(tmp_path / f"{prefix}x"))
    with pytest.raises(StartError, match="broken on purpose"):
        LocalCloud.start()
    assert not (tmp_path / "cdp-local-x").exists()
    assert not (tmp_path / "cdp-tmp-x").exists()


def _folder(path: Path) -> str:
    path.mkdir()
    return str(path)


def test_attaching_to_nothing_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(StartError, match=f"no embedded cloud answers at http://127.0.0.1:{port}"):
        LocalCloud.attach(f"http://127.0.0.1:{port}")


def test_the_users_aws_configuration_reaches_neither_clients_nor_server(
    monkeypatch: pytest.MonkeyPatch, server: ServerProcess
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    with LocalCloud.start() as cloud:
        assert cloud.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    assert LocalCloud.attach(server.endpoint).client("sts").get_caller_identity()["Account"] == "000000000000"


def test_functions_see_nothing_of_the_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = {"USERS_SECRET": "x", "HTTPS_PROXY": "http://127.0.0.1:1", "AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "x"}
    for name, value in (hidden | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}).items():
        monkeypatch.setenv(name, value)
    code = zipped({"index.py": "import os\ndef handler(event, context):\n    return dict(os.environ)\n"})
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    with LocalCloud.start() as cloud:
        role = cloud.client("iam").create_role(
            RoleName="looker", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )
        functions = cloud.client("lambda")
        functions.create_function(
            FunctionName="looker",
            Runtime="python3.14",
            Handler="index.handler",
            Role=role["Role"]["Arn"],
            Code={"ZipFile": code},
        )
        seen = json.load(functions.invoke(FunctionName="looker", Payload=b"{}")["Payload"])
        assert seen["AWS_ENDPOINT_URL"] == cloud.endpoint
    assert {name: seen[name] for name in hidden if seen.get(name) == hidden[name]} == {}


def test_stop_leaves_an_attached_server_running(server: ServerProcess) -> None:
    LocalCloud.attach(server.endpoint).stop()
    assert httpx.get(f"{server.endpoint}/_ministack/ready", trust_env=False).is_success


# --- The root key ----------------------------------------------------------------------------------------------------


def test_each_server_has_a_key_of_its_own_that_ends_with_it(server: ServerProcess) -> None:
    with LocalCloud.start() as cloud:
        file = root_keys.key_file(cloud.endpoint)
        assert json.loads(file.read_text())["secret_access_key"] == cloud.root.secret_access_key
        assert cloud.root != root_keys.find(server.endpoint)
        assert cloud.root.secret_access_key not in repr(cloud.root)
    assert not file.exists()


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit"])
def test_the_key_of_a_server_does_not_stay_behind(ending: str) -> None:
    child, server = _child(ending)
    file = root_keys.key_file(server.endpoint)
    assert file.exists()
    child.communicate("\n")
    _wait_until_gone(server)
    assert not file.exists()


def test_a_server_whose_key_is_not_known_cannot_be_attached(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = root_keys.find(server.endpoint)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "the-users-own"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        StartError, match=r"the key of the embedded cloud at .* cannot be read from .*; give `credentials`"
    ):
        LocalCloud.attach(server.endpoint)
    with pytest.raises(StartError, match="has another root key"):
        LocalCloud.attach(server.endpoint, credentials=("AKIAREAL", "the-users-own"))
    attached = LocalCloud.attach(server.endpoint, credentials=key.credentials())
    assert attached.client("sts").get_caller_identity()["Account"] == "000000000000"


def test_the_environment_that_up_prints_stands_for_the_key(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = root_keys.find(server.endpoint)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for line in key.exports(server.endpoint, "us-east-1").splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)
    assert LocalCloud.attach(server.endpoint).root == key


def test_a_state_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cdp-constructs").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(StartError, match="let XDG_STATE_HOME be a folder that you can write to"):
        LocalCloud.start()
