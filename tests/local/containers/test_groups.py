"""What a server leaves of its containers is ended, and nothing else."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cdp_constructs.local.containers import groups
from cdp_constructs.testing import eventually
from tests.processes import lives

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell of processes")


def test_what_the_first_process_of_a_group_has_left_is_ended(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "sleep 60 >/dev/null & echo $!; read line"]
    with subprocess.Popen(
        command, start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        left = int(first.stdout.readline())
        groups.record(tmp_path, first.pid)
        first.communicate()
    assert lives(left)
    groups.end(tmp_path)
    eventually(lambda: not lives(left), within=10)
    assert list((tmp_path / groups.FOLDER).iterdir()) == []


def test_a_process_that_was_started_at_another_time_is_another_one(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as other:
        groups.record(tmp_path, other.pid)
        file = tmp_path / groups.FOLDER / str(other.pid)
        file.write_text(str(int(file.read_text()) - 1))
        groups.end(tmp_path)
        assert other.poll() is None
        os.killpg(other.pid, signal.SIGKILL)
