"""How a demonstration ends: its main program after Ctrl-C, and what it has started when it is killed.

``python -m demo.running 5 app.py`` runs a program that is killed, with all of its process group, when the other end of
pipe 5 is closed: whatever ends the demonstration closes it, and no synthesis writes on into a folder that is removed.
"""

import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

__all__ = ["end_with"]

_AFTER_CTRL_C = 128 + signal.SIGINT


def end_with(main: Callable[[], int]) -> NoReturn:
    """End the process with what a main program returns; Ctrl-C is one line and 130."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(_AFTER_CTRL_C)


def _kill_at_the_end_of(pipe: int) -> None:
    os.read(pipe, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_kill_at_the_end_of, args=[int(sys.argv[1])], daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
