"""What waits for a fork, while others look whether it runs."""

import io
import os
import subprocess
import sys
import threading

import pytest

from cdp_constructs.local.runners.forks import ForkedProcess


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="forks are used on Linux")
def test_one_waits_for_the_end_while_another_one_looks() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = ForkedProcess(child.pid, os.pidfd_open(child.pid), (io.StringIO(), io.StringIO(), io.StringIO()))
        waited: list[int] = []
        waiting = threading.Thread(target=lambda: waited.append(process.wait(30)))
        waiting.start()
        for _ in range(1000):
            assert process.poll() is None
        assert waiting.is_alive()
        process.kill()
        waiting.join(30)
        assert waited == [0]
        assert process.poll() == 0
