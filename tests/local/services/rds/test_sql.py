"""RDS: a server that ends or hangs while the cloud asks it is one that did not take the statement."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cdp_constructs.local.services.rds import sql


def _server(home: Path, run: Callable[[Sequence[str], float], tuple[int, bytes]], status: str = "running") -> Any:
    spec = SimpleNamespace(environment={"POSTGRES_USER": "chat"}, user=None, address="127.0.0.1")
    return SimpleNamespace(status=status, container=SimpleNamespace(home=home, spec=spec, run=run))


def _hangs(command: Sequence[str], seconds: float) -> tuple[int, bytes]:
    raise subprocess.TimeoutExpired(command, seconds)


def _has_ended(_command: Sequence[str], _seconds: float) -> tuple[int, bytes]:
    raise ProcessLookupError(3, "No such process")


def _answers(_command: Sequence[str], _seconds: float) -> tuple[int, bytes]:
    return 0, b"t\nf\n"


def _refuses(_command: Sequence[str], _seconds: float) -> tuple[int, bytes]:
    return 1, b"ERROR:  no such table\n"


@pytest.mark.parametrize(
    ("run", "message"),
    [(_hangs, "did not answer"), (_has_ended, "did not answer"), (_refuses, "^ERROR:  no such table$")],
)
def test_no_answer_is_an_error_as_a_refusal_is(
    tmp_path: Path, run: Callable[[Sequence[str], float], tuple[int, bytes]], message: str
) -> None:
    server = _server(tmp_path, run)
    with pytest.raises(sql.SqlError, match=message):
        sql.ask(server, "select 1")
    assert not sql.may_connect(server, "chat", "secret")
    assert not list(tmp_path.iterdir()), "a file with a statement or a password was left"


def test_an_answer_is_its_lines(tmp_path: Path) -> None:
    server = _server(tmp_path, _answers)
    assert sql.ask(server, "select 1") == ["t", "f"]
    assert sql.may_connect(server, "chat", "secret")


@pytest.mark.parametrize("folder", ["", "removed"])
def test_a_server_that_has_ended_is_not_asked(tmp_path: Path, folder: str) -> None:
    server = _server(tmp_path / folder, _answers, "exited")
    with pytest.raises(sql.SqlError, match="does not run"):
        sql.ask(server, "select 1")
    assert not sql.may_connect(server, "chat", "secret")
