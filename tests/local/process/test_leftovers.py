"""Nothing is left in the temporary folder, the home and shared memory by whoever uses the library."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_constructs.local.process import folders
from tests.assembly.assemblies import QUEUE, AssemblyWriter
from tests.places import ROOT, Place, own_place
from tests.processes import children


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with own_place(tmp_path) as place:
        yield place


START = """
from cdp_constructs.local import LocalCloud
with LocalCloud.start() as cloud:
"""
FUNCTION = """
    import io, json, zipfile
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "import tempfile, pathlib\\n"
            "def handler(event, context):\\n"
            "    pathlib.Path('~/kept').expanduser().write_text('x')\\n"
            "    return tempfile.mkdtemp()\\n")
        archive.writestr("index.mjs", "import fs from 'node:fs';import os from 'node:os';"
            "export const handler = async () => fs.mkdtempSync(os.tmpdir() + '/x');")
    role = cloud.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"}}]}))["Role"]["Arn"]
    functions = cloud.client("lambda")
    for runtime in ("python3.14", "nodejs22.x"):
        name = runtime.partition(".")[0]
        functions.create_function(FunctionName=name, Runtime=runtime, Handler="index.handler", Role=role,
                                  Code={"ZipFile": code.getvalue()})
        answer = functions.invoke(FunctionName=name, Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()
"""
PUSH = """
    import base64
    key = base64.urlsafe_b64encode(b"\\4" + bytes(64)).rstrip(b"=").decode()
    assert cloud.push_service.subscribe(key)
"""
QUERY = """
    import time
    cloud.client("s3").create_bucket(Bucket="answers")
    athena = cloud.client("athena")
    started = athena.start_query_execution(QueryString="SELECT 1", WorkGroup="primary",
                                           ResultConfiguration={"OutputLocation": "s3://answers/"})
    state = "QUEUED"
    while state in {"QUEUED", "RUNNING"}:
        time.sleep(0.05)
        found = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
        state = found["QueryExecution"]["Status"]["State"]
    assert state == "SUCCEEDED", found
"""
SYNTHESIS = """
from aws_cdk import App, Stack
from aws_cdk import aws_sqs as sqs
from cdp_constructs.testing import Synthesis, architecture

@architecture
def queue(stack):
    sqs.Queue(stack, "Queue")

def test_queue(synthesis):
    assert synthesis(queue).resources("AWS::SQS::Queue")

def test_an_app_without_a_folder():
    app = App()
    Stack(app, "Stack")
    app.synth()
"""


KEPT = """
import sys, time
from cdp_constructs.local import LocalCloud
cloud = LocalCloud.start()
cloud.client("cognito-idp").create_user_pool(PoolName="with keys")
print(cloud.log_file.parent, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("    pass", id="nothing"),
        pytest.param(FUNCTION, id="functions"),
        pytest.param(PUSH, id="web push"),
        pytest.param(QUERY, id="query"),
    ],
)
def test_a_cloud_leaves_nothing(place: Place, body: str) -> None:
    place.run("-c", START + body)
    place.wait_until_clean()


@pytest.mark.parametrize("umask", [0, 0o022], ids=["umask 0", "umask 022"])
def test_the_command_leaves_nothing_and_lets_nobody_else_read(place: Place, tmp_path: Path, umask: int) -> None:
    writer = AssemblyWriter(tmp_path / "cdk.out")
    writer.stack("Chat", QUEUE)
    cdp = ("-m", "cdp_constructs.cli", "local")
    place.run(*cdp, "up", str(writer.folder), "--keep", umask=umask)
    try:
        state = place.folder / "home/.local/state/cdp-constructs"
        files = [file for file in state.rglob("*") if file.is_file()]
        assert {file.name for file in files} >= {"local.json"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in (state, state / "servers")} == {0o700}
        [own] = place.folder.glob("tmp/cdp-local-*")
        assert stat.S_IMODE(own.stat().st_mode) == 0o700
        private = [own / "server.log", own / "lock", *own.glob("state/**/*.pem")]
        assert {stat.S_IMODE(file.stat().st_mode) for file in private} == {0o600}
        # Functions have other users where root runs the server: they may pass, not look.
        [temporary] = place.folder.glob("tmp/cdp-tmp-*")
        assert stat.S_IMODE(temporary.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    finally:
        place.run(*cdp, "down", umask=umask)
    place.wait_until_clean()


def test_a_state_that_cannot_be_written_leaves_no_folder(place: Place) -> None:
    (place.folder / "home/.local").write_text("a file where a folder should be")
    program = (
        "from cdp_constructs.local import LocalCloud, StartError\ntry:\n    LocalCloud.start()\nexcept StartError: pass"
    )
    place.run("-c", program)
    (place.folder / "home/.local").unlink()
    assert place.left() == set()


def test_what_a_killed_server_left_the_next_start_removes(place: Place) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KEPT], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=place.environment
    )
    assert child.stdout is not None
    folder = Path(child.stdout.readline().strip())
    [guardian] = children(child.pid)
    [server] = children(guardian)
    # Stopped first, so that none of the two can do the other's work.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (guardian, server):
            os.kill(pid, number)
    child.kill()
    child.communicate()
    assert folder.exists()
    place.run("-c", START + f"    import pathlib; assert not pathlib.Path({str(folder)!r}).exists()")
    place.wait_until_clean()


def test_what_was_written_while_a_folder_was_removed_the_next_start_removes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder, remove = folders.make(), shutil.rmtree

    def remove_and_write(path: Path, **options: bool) -> None:
        remove(path, **options)
        path.mkdir()
        (path / "written").touch()

    with folders.held(folder), monkeypatch.context() as others:
        others.setattr(shutil, "rmtree", remove_and_write)
        folders.remove(folder)
    assert (folder / "written").exists()
    folders.remove_abandoned()
    assert not folder.exists()


def test_a_start_leaves_the_folder_of_a_server_that_runs(place: Place) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KEPT], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=place.environment
    )
    assert child.stdout is not None
    folder = Path(child.stdout.readline().strip())
    place.run("-c", START + "    pass")
    assert (folder / "server.log").exists()
    assert len(list(place.folder.glob("home/.local/state/cdp-constructs/servers/*.json"))) == 1
    child.kill()
    child.communicate()
    place.wait_until_clean()


def test_a_pytest_run_in_another_project_leaves_nothing(place: Place, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_queue.py").write_text(SYNTHESIS)
    basetemp = str(tmp_path / "basetemp")  # by default pytest keeps what the last three runs have written
    place.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", basetemp, str(project), cwd=project)
    place.wait_until_clean()
