"""Databases and caches do not run as root, whoever runs the embedded cloud, and end with it, however it ends."""

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.processes import lives

PROGRAM = """
import sys, time
from cdp_constructs.local import LocalCloud
cloud = LocalCloud.start(timeout=120)
rds, caches = cloud.client("rds"), cloud.client("elasticache")
rds.create_db_instance(DBInstanceIdentifier="kept", Engine="postgres", DBInstanceClass="db.t4g.micro",
                       AllocatedStorage=20, MasterUsername="ann", MasterUserPassword="of-this-test-only")
caches.create_replication_group(ReplicationGroupId="kept", ReplicationGroupDescription="kept", Engine="valkey",
                                CacheNodeType="cache.t4g.micro", NumCacheClusters=1)
while rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] != "available":
    time.sleep(0.1)
while caches.describe_replication_groups()["ReplicationGroups"][0]["Status"] != "available":
    time.sleep(0.1)
print(cloud.log_file.parent, flush=True)
sys.stdin.readline()
"""
ROOT = Path(__file__).parents[3]


@contextmanager
def program(*words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run the program, and provide it with the folder of its cloud, which has a database and a cache."""
    with subprocess.Popen(
        [*words, sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        folder = running.stdout.readline().strip()
        assert folder, "it has ended"
        try:
            yield running, Path(folder)
        finally:
            running.kill()


def groups(folder: Path) -> list[int]:
    """The process groups of a database and a cache."""
    found = [int(file.name) for file in (folder / "groups").iterdir()]
    assert len(found) == 2
    return found


def users(*words: str) -> list[str]:
    """What makes a program that of another user than root: a user namespace, in which nobody is root."""
    return [] if os.geteuid() else list(words)


@pytest.mark.parametrize("words", [[], ["unshare", "--user"]], ids=["this user", "without root"])
def test_they_run_without_root_and_end_with_a_program_that_is_killed(words: list[str]) -> None:
    if words and not shutil.which(words[0]):
        pytest.skip("needs unshare(1)")
    with program(*users(*words)) as (running, folder):
        found = groups(folder)
        names = {Path(f"/proc/{each}/comm").read_text().strip() for each in found}
        assert names == {"postgres", "valkey-server"}
        [postgres] = [each for each in found if Path(f"/proc/{each}/comm").read_text().strip() == "postgres"]
        if os.geteuid() == 0 and not words:
            assert Path(f"/proc/{postgres}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        running.send_signal(signal.SIGKILL)
        eventually(lambda: not any(map(lives, found)), within=30)
        eventually(lambda: not folder.exists(), within=30)


def test_what_is_left_when_all_is_killed_at_once_the_next_start_ends() -> None:
    with program() as (running, folder):
        found = groups(folder)
        server, guardian = _server_and_guardian(folder)
        for process in (server, guardian, running.pid):
            os.kill(process, signal.SIGSTOP)  # none of them sees the others end
        for process in (server, guardian, running.pid):
            os.kill(process, signal.SIGKILL)
        running.wait()
        # A killed process holds its lock for as long as its last thread takes to end.
        eventually(lambda: _is_abandoned(folder), within=30)
    with LocalCloud.start(timeout=120):
        eventually(lambda: not any(map(lives, found)), within=30)
        assert not folder.exists()


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / "lock").open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass  # another start has removed it already
    return True


def _server_and_guardian(folder: Path) -> tuple[int, int]:
    words = f"--folder\0{folder}\0".encode()
    found = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and words in _command(each)]
    [guardian] = [each for each in found if _parent(each) not in found]
    [server] = [each for each in found if _parent(each) == guardian]
    return server, guardian


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
