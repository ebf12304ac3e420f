"""Programs that find folders at other paths: as which user, and that nobody else does."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cdp_constructs.local.runners import mounts
from cdp_constructs.local.runners.processes import with_mounts
from cdp_constructs.local.runners.runner import Program
from tests.local.mounting import REASON, may_mount

pytestmark = pytest.mark.skipif(not may_mount(), reason=REASON)

NOBODY = 65_534
PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
SHOW = 'read text < /opt/a.txt; echo "$text $MINE $(id -u) $(id -g)"; ls /opt'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("found\n")
    return tmp_path


def _shown(folder: Path, user: int | None) -> list[str]:
    program = Program(
        ["/bin/sh", "-c", SHOW], Path("/"), {"MINE": "own", "PATH": "/bin:/usr/bin"}, user, {"/opt": folder}
    )
    ended = subprocess.run(with_mounts(program), capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


def test_a_program_finds_a_folder_elsewhere_and_keeps_its_user(folder: Path) -> None:
    before = sorted(Path("/opt").iterdir())
    assert _shown(folder, None) == [f"found own {os.geteuid()} {os.getegid()}", "a.txt"]
    assert sorted(Path("/opt").iterdir()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a program as somebody else")
def test_a_program_of_another_user_finds_it_too(folder: Path) -> None:
    for above in (folder, *folder.parents):
        if str(above).startswith(str(folder.parents[1])):
            above.chmod(0o755)
    assert _shown(folder, NOBODY) == [f"found own {NOBODY} {NOBODY}", "a.txt"]


def test_what_tells_the_new_process_of_credentials_is_removed(folder: Path) -> None:
    program = Program(["/bin/true"], Path("/"), {"AWS_SECRET_ACCESS_KEY": "secret"}, mounts={"/opt": folder})
    command = with_mounts(program)
    request = Path(command[-1])
    assert request.stat().st_mode & 0o077 == 0
    assert json.loads(request.read_text())["environment"] == {"AWS_SECRET_ACCESS_KEY": "secret"}
    subprocess.run(command, check=True)
    assert not request.exists()


@pytest.mark.skipif(PYTHON is None, reason="no Python that every user can run")
@pytest.mark.skipif(os.geteuid() != 0, reason="without root this is what the other tests try")
def test_without_root_a_user_namespace_is_made() -> None:
    source = Path(mounts.__file__).read_text()
    # Nobody else may be able to read the file, or the interpreter of the environment.
    code = f"""{source.partition("def main")[0]}
enter({{"/opt": "/usr"}}, None)
print(os.getuid(), "bin" in os.listdir("/opt"))
"""
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
    ended = subprocess.run([PYTHON, "-I", "-c", code], check=False, capture_output=True, text=True, cwd="/", **options)
    assert ended.stdout == f"{NOBODY} True\n", ended.stderr
