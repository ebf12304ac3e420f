"""`cdp local up` and `cdp local down`: what they print, what they exit with, and what they leave behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.process import kept, launcher, root_keys
from tests.assembly.assemblies import QUEUE, AssemblyWriter, template
from tests.local.containers.engine import install

BROKEN = template({"Broken": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 999_999}}})
HTTP_API = template(
    {
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "chat", "ProtocolType": "HTTP"}},
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
        },
    }
)
SECONDS_TO_DEPLOY = 30


@pytest.fixture(autouse=True)
def state_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A state directory of the test's own: the user's kept cloud is not touched."""
    home = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    yield home
    server = kept.find()
    if server is not None:
        launcher.stop(server)


@pytest.fixture
def writer(tmp_path: Path) -> AssemblyWriter:
    writer = AssemblyWriter(tmp_path / "cdk.out")
    writer.stack("Chat", QUEUE)
    return writer


def _start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cdp_constructs.cli", *map(str, arguments)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "COLUMNS": "300"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root, env=environment
    )


def _cdp(*arguments: object) -> tuple[int, str, str]:
    process = _start(*arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def _read_document(process: subprocess.Popen[str]) -> Any:
    """The JSON document that a command prints while it goes on."""
    assert process.stdout is not None
    text = ""
    while not text.endswith("\n}\n"):
        line = process.stdout.readline()
        assert line, f"ended after {text!r}"
        text += line
    return json.loads(text)


def _wait_until_gone(endpoint: str) -> None:
    deadline = time.monotonic() + 8
    while launcher.is_ready(endpoint, timeout=0.5):
        assert time.monotonic() < deadline, f"{endpoint} still answers"
        time.sleep(0.05)


def test_up_holds_the_cloud_until_interrupted_and_then_removes_it(writer: AssemblyWriter) -> None:
    process = _start("local", "up", writer.folder, "--json")
    document = _read_document(process)
    url = document["stacks"][0]["outputs"]["Url"]
    cloud = LocalCloud.attach(document["endpoint"])
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    assert document["kept"] is False
    assert document["environment"] == cloud.root.environment(cloud.endpoint, "us-east-1")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert "Ctrl-C" in err
    _wait_until_gone(document["endpoint"])


def test_up_interrupted_before_it_is_done_exits_130_and_leaves_nothing(
    writer: AssemblyWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    condition = {"Handle": {"Ref": "Handle"}, "Timeout": "600", "Count": 1}
    never = {"Type": "AWS::CloudFormation::WaitCondition", "Properties": condition}
    writer.stack("Chat", template({"Handle": handle, "Never": never}))
    folders = tmp_path / "tmp"
    folders.mkdir()
    monkeypatch.setenv("TMPDIR", str(folders))
    process = _start("local", "up", writer.folder)
    deadline = time.monotonic() + SECONDS_TO_DEPLOY
    while not list(folders.glob("cdp-local-*")):
        assert time.monotonic() < deadline, "did not start"
        time.sleep(0.05)
    time.sleep(2)  # into the deployment, which takes ten minutes
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert list(folders.iterdir()) == []


def test_up_prints_tables_of_endpoints_outputs_and_what_is_not_executed(writer: AssemblyWriter) -> None:
    writer.stack("Api", HTTP_API)
    groups = {
        f"Group{number}": {"Type": "AWS::XRay::Group", "Properties": {"GroupName": f"all{number}"}}
        for number in range(5)
    }
    writer.stack("Tracing", template(groups))
    code, out, err = _cdp("local", "up", writer.folder, "--keep")
    assert code == 0, err
    assert "and 2 more" in " ".join(out.replace("│", " ").split()), "one row for a type"
    server = kept.find()
    assert server is not None
    assert f"{server.endpoint}/_aws/execute-api/" in out
    assert root_keys.find(server.endpoint).exports(server.endpoint, "us-east-1") in out
    assert "HTTP API" in out
    assert "Url" in out
    assert "AWS::XRay::Group" in out
    assert "record only" in out
    assert "deployed Chat" in err
    assert "deployed" not in out


def test_a_kept_cloud_is_used_again_until_down(writer: AssemblyWriter, state_home: Path) -> None:
    code, out, err = _cdp("local", "up", writer.folder, "--keep", "--json")
    assert code == 0, err
    first = json.loads(out)
    assert first["kept"] is True
    assert (state_home / "cdp-constructs" / "local.json").exists()
    writer.stack("More", QUEUE)
    code, out, err = _cdp("local", "up", writer.folder, "--json")
    assert code == 0, err
    second = json.loads(out)
    assert second["endpoint"] == first["endpoint"]
    assert f"deploying into the embedded cloud that was kept at {first['endpoint']}" in err.replace("\n", " ")
    assert {stack["name"]: stack["changed"] for stack in second["stacks"]} == {"Chat": False, "More": True}
    server = kept.find()
    assert server is not None
    code, out, _ = _cdp("local", "down", "--json")
    assert (code, json.loads(out)) == (0, {"stopped": first["endpoint"]})
    _wait_until_gone(first["endpoint"])
    assert not server.folder.exists()
    assert not (state_home / "cdp-constructs" / "local.json").exists()
    code, out, err = _cdp("local", "down")
    assert (code, out) == (0, "")
    assert "nothing was running" in err


def test_a_record_of_a_server_that_is_gone_does_no_harm(writer: AssemblyWriter) -> None:
    assert _cdp("local", "up", writer.folder, "--keep")[0] == 0
    server = kept.find()
    assert server is not None
    launcher.stop(server)
    code, out, err = _cdp("local", "up", writer.folder, "--keep", "--json")
    assert code == 0, err
    assert json.loads(out)["endpoint"] != server.endpoint


def test_down_does_not_signal_a_process_that_took_the_id_over(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:  # any harmless process
        record = launcher.ServerProcess("http://127.0.0.1:1", 1, stranger.pid, tmp_path / "cdp-local-x")
        kept.remember(record)
        assert _cdp("local", "down")[0] == 0
        assert stranger.poll() is None
        stranger.kill()


def test_a_failed_deployment_exits_1_with_its_events(writer: AssemblyWriter) -> None:
    writer.stack("Chat", BROKEN)
    code, out, err = _cdp("local", "up", writer.folder, "--json")
    assert code == 1
    document = json.loads(out)
    assert "the stack Chat failed" in document["error"]
    assert document["events"][0]["logical_id"] == "Broken"
    assert "VisibilityTimeout" in err


def test_a_failed_deployment_to_a_kept_cloud_leaves_it_for_the_next_try(writer: AssemblyWriter) -> None:
    writer.stack("Chat", BROKEN)
    assert _cdp("local", "up", writer.folder, "--keep")[0] == 1
    assert kept.find() is not None
    writer.stack("Chat", QUEUE)
    assert _cdp("local", "up", writer.folder, "--keep")[0] == 0


def test_up_deploys_to_an_endpoint_and_leaves_it_running(writer: AssemblyWriter) -> None:
    with LocalCloud.start() as cloud:
        code, out, err = _cdp("local", "up", writer.folder, "--endpoint", cloud.endpoint, "--json")
        assert code == 0, err
        assert json.loads(out)["endpoint"] == cloud.endpoint
        url = json.loads(out)["stacks"][0]["outputs"]["Url"]
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody="still running")


def test_stacks_and_parameters_can_be_named(writer: AssemblyWriter) -> None:
    parameterised = {
        **QUEUE,
        "Parameters": {"Size": {"Type": "Number"}},
        "Outputs": {"Size": {"Value": {"Ref": "Size"}}},
    }
    writer.stack("Sized", parameterised)
    code, out, err = _cdp("local", "up", writer.folder, "--keep", "--json", "--stack", "Si*", "--parameter", "Size=3")
    assert code == 0, err
    assert [(stack["name"], stack["outputs"]) for stack in json.loads(out)["stacks"]] == [("Sized", {"Size": "3"})]


def test_assets_outside_of_the_assembly_are_for_who_allows_them(writer: AssemblyWriter, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    writer.stack("Outside", QUEUE, files=[outside])
    code, _, err = _cdp("local", "up", writer.folder, "--keep")
    assert (code, str(outside) in err) == (2, True)
    code, _, err = _cdp("local", "up", writer.folder, "--keep", "--allow-assets-outside")
    assert code == 0, err


def test_a_stack_with_another_qualifier_is_for_who_bootstraps_with_it(writer: AssemblyWriter) -> None:
    writer.stack("Qualified", QUEUE, bootstrapStackVersionSsmParameter="/cdk-bootstrap/team/version")
    code, _, err = _cdp("local", "up", writer.folder, "--keep")
    assert (code, "--bootstrap-qualifier team" in err) == (1, True)
    code, _, err = _cdp("local", "up", writer.folder, "--keep", "--bootstrap-qualifier", "team")
    assert code == 0, err
    code, _, err = _cdp("local", "up", writer.folder, "--keep")
    assert code == 0, err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["up", "no-such-folder"], 2, "does not exist", id="no folder"),
        pytest.param(["up", "."], 2, "name the folder that `cdk synth` wrote", id="no assembly"),
        pytest.param(["up", "OUT", "--stack", "Wbe"], 2, "no stack of the assembly is called Wbe", id="no such stack"),
        pytest.param(["up", "OUT", "--parameter", "Size"], 2, "'Size' is not NAME=VALUE", id="no value"),
        pytest.param(
            ["up", "OUT", "--keep", "--endpoint", "http://127.0.0.1:1"],
            2,
            "this command starts",
            id="keep what is not ours",
        ),
        pytest.param(
            ["up", "OUT", "--endpoint", "http://127.0.0.1:1"], 3, "no embedded cloud answers", id="nothing answers"
        ),
        pytest.param(
            ["up", "OUT", "--endpoint", "http://127.0.0.1:1", "--containers", "docker"],
            2,
            "the cloud at the endpoint has been started already",
            id="containers of what is not ours",
        ),
        pytest.param(["up", "OUT", "--containers", "lxc"], 2, "'lxc' is not one of", id="no such engine"),
        pytest.param(["install", "mainframe"], 2, "there is no 'mainframe'; there is analytics", id="no such extra"),
    ],
)
def test_wrong_use_is_explained(writer: AssemblyWriter, arguments: list[str], code: int, message: str) -> None:
    given = [str(writer.folder) if argument == "OUT" else argument for argument in arguments]
    exit_code, out, err = _cdp("local", *given)
    assert (exit_code, out) == (code, "")
    assert message in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize("keep", [[], ["--keep"]])
def test_without_a_container_engine_that_answers_nothing_is_started(
    keep: list[str], writer: AssemblyWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "Cannot connect to the Docker daemon at unix:///run/no.sock. Is the docker daemon running?"
    install(tmp_path / "engine", error=error)
    monkeypatch.setenv("PATH", str(tmp_path / "engine"), prepend=os.pathsep)
    code, out, err = _cdp("local", "up", writer.folder, "--containers", "docker", *keep)
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
    assert "Cannot connect to the Docker daemon at unix:///run/no.sock" in err
    assert "or leave out `--containers docker`" in err
    assert kept.find() is None


def test_a_kept_cloud_does_not_change_what_runs_its_containers(
    writer: AssemblyWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "engine")
    monkeypatch.setenv("PATH", str(tmp_path / "engine"), prepend=os.pathsep)
    assert _cdp("local", "up", writer.folder, "--keep")[0] == 0
    code, out, err = _cdp("local", "up", writer.folder, "--containers", "docker")
    assert (code, out) == (2, "")
    assert "was started with processes; `cdp local down` ends it" in " ".join(err.replace("│", " ").split())


def test_install_makes_an_environment_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\nexit 0\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    code, out, err = _cdp("local", "install", "analytics", "--json")
    assert code == 0, err
    made = json.loads(out)
    assert (made["extras"], made["changed"]) == (["analytics"], True)
    assert made["folder"].startswith(str(tmp_path / "data" / "cdp-constructs" / "local"))
    code, out, err = _cdp("local", "install")
    assert (code, out) == (0, "")
    assert f"already there: {made['folder']}" in err
    uv.write_text("#!/bin/sh\necho 'error: no route to host' >&2\nexit 1\n")
    code, out, err = _cdp("local", "install", "--force")
    assert (code, out) == (4, "")
    assert "no route to host" in err
    assert len(err.splitlines()) == 1


def test_exit_codes_are_documented_in_the_help() -> None:
    code, out, _ = _cdp("local", "up", "--help")
    assert code == 0
    text = " ".join(out.split())
    for words in (
        "0 done",
        "1 the deployment failed",
        "2 wrong usage",
        "3 the embedded cloud could",
        "130 interrupted",
    ):
        assert words in text


def test_without_the_extra_the_command_says_what_to_install() -> None:
    # As find_spec sees a package that is not installed.
    program = (
        "import importlib.util as util; find = util.find_spec; "
        "util.find_spec = lambda name: None if name == 'boto3' else find(name); "
        "from cdp_constructs.cli.main import main; main(['local', 'up', 'cdk.out', '--detach'])"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "Error: cdp local needs more packages: pip install 'cdp-constructs[local-client]'\n"


def test_without_the_extra_the_package_says_what_to_install() -> None:
    program = "import sys; sys.modules['boto3'] = None; from cdp_constructs.local import LocalCloud"
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=False)
    assert "the embedded cloud needs the package boto3: pip install 'cdp-constructs[local-client]'" in ended.stderr
