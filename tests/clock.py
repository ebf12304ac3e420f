"""Runs a command at another time of day: ``python -m tests.clock "2028-02-29 23:59:50" COMMAND``, on Linux with `cc`.

All that the command starts has that clock: the embedded cloud, its functions, Node and browsers. A variable such as
LD_PRELOAD would not do: servers and functions get no variables of the user, and requests that are signed eight hours
ahead of the server are refused. So the command sees an `/etc` in which every program is told to load `clock.c`.
"""

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")
_IN_NAMESPACE = 'mount --bind "$0" /etc && exec "$@"'


def seconds_until(moment: str, now: datetime) -> int:
    """Return how far ahead a date with time is, or the next moment at a time of day, in UTC."""
    if "-" in moment:
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    else:
        hour, minute, second = map(int, moment.split(":"))
        at = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        at += timedelta(days=at < now)
    return round((at - now).total_seconds())


def main(moment: str, *command: str) -> int:
    """Run the command; return its exit code."""
    with tempfile.TemporaryDirectory(prefix="cdp-clock-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # functions have users of their own
        library, settings = folder / "clock.so", folder / "etc"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)
        subprocess.run(["cp", "-a", "/etc", settings], check=False, capture_output=True)  # all but private files
        (settings / "ld.so.preload").write_text(f"{library}\n")
        now = datetime.now(UTC)
        (settings / "clock_shift").write_text(f"{seconds_until(moment, now)} {now.timestamp():.0f}\n")
        # A user without privileges is root in a namespace of its own, and may mount there.
        user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
        isolated = ["unshare", "--mount", *user, "sh", "-c", _IN_NAMESPACE, settings, *command]
        return subprocess.run(isolated, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
