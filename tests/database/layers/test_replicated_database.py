"""What the module `replicated_database` does after errors, without a database; with one: tests/behaviour/servers."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import replicated_database.credentials as credentials_module
from replicated_database import CommitUnknownError, Database, Remedy, pauses, remedy
from replicated_database.credentials import Credentials, credentials_from_environment

TEMPORARY = {"57P01", "57P02", "57P03", "25006", "53300", "28P01", "40001", "40P01"}
STATES = st.from_regex(r"[0-9A-Z]{5}", fullmatch=True)


@given(st.floats(min_value=0.01, max_value=100))
def test_pauses_are_as_long_as_the_patience_and_none_is_longer_than_two_seconds(patience: float) -> None:
    first, *others = list(pauses(patience))
    assert first == 0
    assert sum(others) == pytest.approx(patience)
    assert all(0 < pause <= 2 for pause in others)


@given(STATES | st.none())
def test_what_is_disconnected_connects_anew(state: str | None) -> None:
    assert remedy(state, disconnected=True) is Remedy.RECONNECT


@given(STATES)
def test_what_the_statement_itself_caused_is_not_repeated(state: str) -> None:
    temporary = state.startswith("08") or state in TEMPORARY
    assert (remedy(state, disconnected=False) is Remedy.NONE) is not temporary


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_conflict_runs_again_on_the_same_connection(state: str) -> None:
    assert remedy(state, disconnected=False) is Remedy.AGAIN


class _Connection:
    """Answers as psycopg's does, and loses the connection where it is told to."""

    def __init__(self, at_commit: Exception | None = None) -> None:
        self.closed = False
        self._at_commit = at_commit

    def execute(self, _statement: str, _values: Any = None) -> Any:
        return self

    def fetchone(self) -> tuple[str]:
        return ("42",)

    def commit(self) -> None:
        if self._at_commit is not None:
            self.closed = True
            raise self._at_commit


class _Pool:
    def __init__(self, *connections: _Connection) -> None:
        self._connections = list(connections)

    def connection(self) -> Any:
        pool = self

        class Opened:
            def __enter__(self) -> _Connection:
                return pool._connections.pop(0)

            def __exit__(self, *_error: object) -> None:
                return None

        return Opened()


@pytest.fixture
def database() -> Any:
    found = Database(
        writer="127.0.0.1",
        reader="127.0.0.1",
        name="main",
        credentials=lambda _host: lambda: Credentials("a", "b"),
        patience=0.05,
    )
    yield found
    found.close()


def _with_writer(database: Database, *connections: _Connection) -> None:
    database._writer.close()
    database._writer = _Pool(*connections)  # type: ignore[assignment]
    database.close = database._reader.close  # type: ignore[method-assign]


def _lost() -> psycopg.OperationalError:
    return psycopg.OperationalError("server closed the connection unexpectedly")


def test_a_write_that_was_lost_before_its_commit_runs_again(database: Database) -> None:
    _with_writer(database, _Connection(), _Connection())
    runs: list[int] = []

    def work(_connection: Any) -> str:
        runs.append(1)
        if len(runs) == 1:
            raise _lost()
        return "done"

    written = database.write(work)
    assert (written.value, written.position, len(runs)) == ("done", "42", 2)


def test_a_write_that_was_lost_during_its_commit_does_not_run_twice(database: Database) -> None:
    _with_writer(database, _Connection(_lost()), _Connection())
    runs: list[int] = []
    with pytest.raises(CommitUnknownError, match="42"):
        database.write(lambda _connection: runs.append(1))
    assert runs == [1]


def test_a_repeatable_write_runs_again_after_a_lost_commit(database: Database) -> None:
    _with_writer(database, _Connection(_lost()), _Connection())
    runs: list[int] = []
    assert database.write(lambda _connection: runs.append(1), repeatable=True).position == "42"
    assert runs == [1, 1]


def test_an_error_of_the_statement_is_raised_at_once(database: Database) -> None:
    _with_writer(database, _Connection(), _Connection())
    runs: list[int] = []

    def work(_connection: Any) -> None:
        runs.append(1)
        raise psycopg.errors.UniqueViolation("duplicate key")

    with pytest.raises(psycopg.errors.UniqueViolation):
        database.write(work)
    assert runs == [1]


class _Secrets:
    """Secrets Manager, whose secret changes with every rotation."""

    def __init__(self) -> None:
        self.passwords = iter(["first", "second"])

    def get_secret_value(self, **_options: str) -> dict[str, str]:
        return {"SecretString": json.dumps({"username": "administrator", "password": next(self.passwords)})}

    def generate_db_auth_token(self, *parts: object) -> str:
        return "/".join(map(str, parts))


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    service = _Secrets()
    monkeypatch.setattr(credentials_module.boto3, "client", lambda _name: service)
    now = [0.0]
    monkeypatch.setattr(credentials_module.time, "monotonic", lambda: now[0])

    def after(seconds: float) -> None:
        now[0] += seconds

    return after


def test_a_rotated_password_is_read_again_within_seconds(
    secrets: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_SECRET", "arn:secret")
    monkeypatch.delenv("DATABASE_USER", raising=False)
    current = credentials_from_environment("writer")
    assert current() == current() == Credentials("administrator", "first")
    secrets(11)
    assert current().password == "second"
    assert "second" not in repr(current())


@pytest.mark.usefixtures("secrets")
def test_a_user_of_iam_needs_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_SECRET", raising=False)
    monkeypatch.setenv("DATABASE_USER", "orders")
    assert credentials_from_environment("writer")() == Credentials("orders", "writer/5432/orders")
