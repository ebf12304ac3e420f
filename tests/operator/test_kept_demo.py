"""What `make demo KEEP=1` prints is what a shell needs."""

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from cdp_constructs.local import LocalCloud
from demo.keep import say_how_to_use
from tests.stacks.chat.clients import Chat


def test_the_printed_lines_are_pasted_and_the_command_runs(local_cloud: LocalCloud, chat: Chat) -> None:
    printed = io.StringIO()
    # Narrower than every line: what is cut cannot be pasted.
    console = Console(file=printed, width=20)
    stack = "Chat-ap-northeast-1"
    addresses = {"web client": "http://a-long-address.localhost:4566"}
    say_how_to_use(console, local_cloud, chat.deployment, stack=stack, addresses=addresses)
    text = printed.getvalue()
    assert "  web client: http://a-long-address.localhost:4566\n" in text
    assert f"  stack {stack} in ap-northeast-1\n" in text
    pasted = "\n".join(line for line in text.splitlines() if line.startswith(("export ", "cdp ")))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDP_"))}
    done = subprocess.run(
        ["bash", "-eu", "-c", pasted], env={**own, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "MessagesFanoutArchiveDeadLetterQueue" in done.stdout
