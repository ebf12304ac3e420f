"""The database: a pool of connections to the writer, and one to the readers."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import psycopg
from psycopg_pool import ConnectionPool

from .credentials import Credentials, credentials_from_environment
from .retries import Remedy, pauses, remedy

__all__ = ["CommitUnknownError", "Database", "Written"]

_Result = TypeVar("_Result")
_Work = Callable[[psycopg.Connection[Any]], _Result]
_POSITION = re.compile(r"[0-9]{1,19}")
_CONNECT_SECONDS = 5
_IDLE_SECONDS = 300.0


class CommitUnknownError(Exception):
    """The connection was lost while a transaction was committed: nobody knows whether it was."""


@dataclass(frozen=True)
class Written(Generic[_Result]):
    """What a write has returned."""

    value: _Result
    """What the work returned."""
    position: str | None
    """Stands for this write: give it to ``read``, also in another process, such as from a cookie. None when nothing was
    written."""


class Database:
    """A writer and its readers.

    Args:
        writer: Host of the writer, for a cluster of Aurora its endpoint.
        reader: Host of the readers, for a cluster of Aurora its reader endpoint.
        name: Name of the database.
        credentials: Gives the credentials for a new connection to a host.
        certificate_authority: A PEM file: the server's certificate has to be from it and for its host. None encrypts
            without knowing the server.
        connections: Connections at most, to the writer and to the readers.
        patience: Seconds for which a call tries again before it gives up; a failover takes most often less than 30.
    """

    def __init__(
        self,
        *,
        writer: str,
        reader: str,
        name: str,
        credentials: Callable[[str], Callable[[], Credentials]],
        certificate_authority: str | None = None,
        connections: int = 10,
        patience: float = 60.0,
    ) -> None:
        self._patience = patience

        def pool(host: str, check: Callable[[psycopg.Connection[Any]], None]) -> ConnectionPool[Any]:
            current = credentials(host)

            def options() -> dict[str, Any]:
                now = current()
                tls = {"sslmode": "require"}
                if certificate_authority is not None:
                    tls = {"sslmode": "verify-full", "sslrootcert": certificate_authority}
                place = {"host": host, "port": 5432, "dbname": name}
                return {
                    **place,
                    **tls,
                    "user": now.user,
                    "password": now.password,
                    "connect_timeout": _CONNECT_SECONDS,
                }

            return ConnectionPool(
                kwargs=options,
                min_size=0,
                max_size=connections,
                max_idle=_IDLE_SECONDS,
                check=check,
                timeout=_CONNECT_SECONDS,
                open=True,
            )

        self._writer, self._reader = pool(writer, _check_writer), pool(reader, ConnectionPool.check_connection)

    @classmethod
    def from_environment(cls, *, connections: int = 10, patience: float = 60.0) -> Self:
        """Return the database of the variables that ``ReplicatedDatabase.environment`` has.

        ``DATABASE_CA_FILE`` names the PEM file of the certificate authority, ``DATABASE_USER`` a user of IAM.
        """
        return cls(
            writer=os.environ["DATABASE_WRITER"],
            reader=os.environ["DATABASE_READER"],
            name=os.environ["DATABASE_NAME"],
            credentials=credentials_from_environment,
            certificate_authority=os.environ.get("DATABASE_CA_FILE"),
            connections=connections,
            patience=patience,
        )

    def write(self, work: _Work[_Result], *, repeatable: bool = False) -> Written[_Result]:
        """Run work in a transaction on the writer, and run it again when a failover or a conflict has undone it.

        Args:
            work: Gets the connection. It runs again after an error, so it does nothing but SQL.
            repeatable: Whether the work may run again although it may have been committed, as an upsert may.

        Raises:
            CommitUnknownError: when the connection is lost during the commit, and the work is not repeatable.
            psycopg.Error: what is no matter of connections and conflicts, or still fails after ``patience``.
        """
        return self._again(lambda: self._write(work, repeatable=repeatable))

    def read(self, work: _Work[_Result], *, after: str | None = None) -> _Result:
        """Run read-only work on a reader that has a write, or on the writer while no reader has it.

        Args:
            work: Gets the connection; it runs again after an error.
            after: The position of the author's last write. None: any reader will do. What is no position, such as a
                cookie that somebody has changed, is answered by the writer.

        Raises:
            psycopg.Error: what is no matter of connections and conflicts, or still fails after ``patience``.
        """

        def either() -> _Result:
            if after is None or _POSITION.fullmatch(after):
                try:
                    with self._reader.connection() as connection:
                        if after is None or _has(connection, after):
                            return work(connection)
                except psycopg.Error as error:
                    if _remedy(error) is not Remedy.RECONNECT:
                        raise
            return self._read_from_writer(work)

        return self._again(either)

    def close(self) -> None:
        """Close all connections."""
        self._writer.close()
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, work: _Work[_Result], *, repeatable: bool) -> Written[_Result]:
        with self._writer.connection() as connection:
            value = work(connection)
            row = connection.execute("select pg_current_xact_id_if_assigned()::text").fetchone()
            try:
                connection.commit()
            except psycopg.Error as error:
                if _is_lost(error, connection) and row and row[0] and not repeatable:
                    raise CommitUnknownError(f"the connection was lost during the commit of {row[0]}") from error
                raise
        return Written(value, row[0] if row else None)

    def _read_from_writer(self, work: _Work[_Result]) -> _Result:
        with self._writer.connection() as connection:
            connection.read_only = True
            try:
                with connection.transaction():
                    return work(connection)
            finally:
                if not connection.closed:
                    connection.read_only = None

    def _again(self, call: Callable[[], _Result]) -> _Result:
        waits = pauses(self._patience)
        while True:
            try:
                return call()
            except psycopg.Error as error:
                wait = next(waits, None)
                if wait is None or _remedy(error) is Remedy.NONE:
                    raise
                time.sleep(wait)


def _check_writer(connection: psycopg.Connection[Any]) -> None:
    """Refuse a connection that is lost, or whose server has become a reader."""
    row = connection.execute("select pg_is_in_recovery()").fetchone()
    connection.rollback()
    if row is None or row[0]:
        raise psycopg.OperationalError("the server is a reader")


def _has(connection: psycopg.Connection[Any], position: str) -> bool:
    """Whether what a server shows has a write."""
    row = connection.execute("select pg_visible_in_snapshot(%s::xid8, pg_current_snapshot())", [position]).fetchone()
    return row is not None and bool(row[0])


def _is_lost(error: psycopg.Error, connection: psycopg.Connection[Any]) -> bool:
    return connection.closed or (error.sqlstate is None and isinstance(error, psycopg.OperationalError))


def _remedy(error: psycopg.Error) -> Remedy:
    driver = error.sqlstate is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return remedy(error.sqlstate, disconnected=driver)
