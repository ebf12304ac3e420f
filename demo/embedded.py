"""The embedded cloud of a program of this folder, and a folder that goes with it."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.process.kept import find_or_start

__all__ = ["embedded_cloud"]

_THIS_MACHINE = "127.0.0.1,localhost,.localhost"


@contextmanager
def embedded_cloud(*, keep: bool = False, timeout: float = 30.0) -> Iterator[tuple[LocalCloud, Path]]:
    """Provide an embedded cloud and a folder for assemblies and keys, both gone afterwards, whatever ends the program.

    Args:
        keep: Takes this user's kept server instead, and leaves it running.
        timeout: Seconds until a server that is not ready counts as failed.
    """
    # Without a handler the process would end here and now, and leave what it has started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    # A proxy that the user has for the Internet does not lead to this machine.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), _THIS_MACHINE]))
    with ExitStack() as ending:
        kept = LocalCloud.attach(find_or_start().endpoint) if keep else None
        cloud = kept or ending.enter_context(LocalCloud.start(timeout=timeout))
        # The server's own folder is removed even when this program is killed.
        private = cloud.log_file.parent if cloud.log_file else None
        yield cloud, Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="cdp-demo-", dir=private)))
