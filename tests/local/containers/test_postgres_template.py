"""A data folder of PostgreSQL is made once for each administrator, kept, and private to nobody: it has no password."""

import os
import pwd
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_constructs.local.containers import postgres, postgres_template
from cdp_constructs.local.services.lambda_ import folders

PROGRAMS = postgres.programs()
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason=postgres.MISSING)


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int | None]:
    """Whom PostgreSQL runs as, in the temporary folder of a server."""
    folder = folders.new_folder("template-")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    shutil.rmtree(folder)


def test_it_is_made_once_and_the_next_server_finds_it(owner: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PROGRAMS is not None
    programs = folders.readable(PROGRAMS)
    made = postgres_template.template(programs, "ann", owner)
    with tarfile.open(made) as archive:
        assert "./PG_VERSION" in archive.getnames()
    assert made.stat().st_mode & 0o777 == 0o644
    [kept] = Path(os.environ["XDG_CACHE_HOME"], "cdp-constructs", "postgres").iterdir()
    # Another server has another folder, and makes nothing.
    monkeypatch.setattr("tempfile.tempdir", str(folders.new_folder("template-")))
    monkeypatch.setattr(postgres_template, "_make", None)
    other = postgres_template.template(programs, "ann", owner)
    assert other.read_bytes() == kept.read_bytes()
