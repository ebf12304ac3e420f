"""The demonstrations leave nothing, and no process, however they end."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.places import ROOT, Place, own_place
from tests.stacks.chat.web.conftest import PATIENCE, eventually

pytestmark = pytest.mark.browser

HOLDING = """
import time
from demo.embedded import embedded_cloud
with embedded_cloud(timeout=120) as (cloud, folder):
    (folder / "cdk.out").mkdir()
    cloud.client("s3").create_bucket(Bucket="something")
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with own_place(tmp_path) as place:
        yield place


@contextmanager
def running(place: Place, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program, and kill it in case that the test fails before it ends."""
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    # The demonstration of IoT imports the device's program.
    environment = place.environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'devices'}"}
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, env=environment) as program:
        try:
            yield program
        finally:
            program.kill()


def read_until(program: subprocess.Popen[str], found: Callable[[str], bool]) -> str:
    """Return what a program prints up to the line that was waited for."""
    assert program.stdout is not None
    printed = ""
    for line in program.stdout:
        printed += line
        if found(line):
            return printed
    raise AssertionError(f"it ended early and printed: {printed}")


def test_the_web_client_after_a_visit_and_ctrl_c(place: Place, chromium: Browser) -> None:
    with running(place, "-m", "demo.chat.web") as program:
        printed = read_until(program, lambda line: "Ctrl-C ends it" in line)
        [address, *_] = re.findall(r"http://\S+\?region=\S+", printed)
        assert any(place.folder.glob("tmp/cdp-local-*/cdp-demo-*/cdk.out/*.template.json"))
        with chromium.new_page() as page:
            page.goto(address)
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        program.send_signal(signal.SIGINT)
        assert program.wait(PATIENCE) == 0
    place.wait_until_clean()


def test_the_conversation_after_sigterm_while_the_cdk_runs(place: Place) -> None:
    with running(place, "-m", "demo.chat") as program:
        wait_for_the_cdk(place)
        program.terminate()
        assert program.wait(PATIENCE) == 128 + signal.SIGTERM
    place.wait_until_clean()


def wait_for_the_cdk(place: Place) -> None:
    kernels = "tmp/cdp-local-*/cdp-demo-*/jsii-kernel-*"
    eventually(lambda: any(place.folder.glob(kernels)), within=2 * PATIENCE)
    assert any("app.py" in command for command in place.processes())


@pytest.mark.parametrize("module", ["demo.chat", "demo.iot"])
def test_ctrl_c_while_the_cdk_runs_is_one_line(place: Place, module: str) -> None:
    with running(place, "-m", module) as program:
        wait_for_the_cdk(place)
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=PATIENCE)
        assert (program.returncode, errors) == (128 + signal.SIGINT, "Interrupted.\n")
    place.wait_until_clean()


def test_a_demonstration_that_is_killed_while_the_cdk_runs(place: Place) -> None:
    with running(place, "-m", "demo.chat") as program:
        wait_for_the_cdk(place)
        program.kill()
        program.wait(PATIENCE)
    place.wait_until_clean()


def test_a_demonstration_that_is_killed(place: Place) -> None:
    with running(place, "-c", HOLDING) as program:
        read_until(program, "ready\n".__eq__)
        program.kill()
        program.wait(PATIENCE)
    place.wait_until_clean()
