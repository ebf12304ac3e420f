"""Connections to PostgreSQL that outlive a failover."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic import ValidationError

from stacks.dojo.app.ports import UnavailableError
from stacks.dojo.app.settings import Credentials, Settings

__all__ = ["Database"]

_LOG = logging.getLogger(__name__)
_SCHEMA = Path(__file__).with_name("schema.sql")
_SCHEMA_LOCK = 4_823_151  # any number that no one else takes
# What a failover does to connections: they end, or they lead to a server that only reads now. A new database has no
# table until the first server has made it.
_PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.UndefinedTable,
    PoolTimeout,
)
_LONGEST_WAIT = 2.0
_LONGEST_PAUSE = 15
"""Seconds within a transaction in which nothing is asked: sending a notice takes ten at most."""

Connection = AsyncConnection[dict[str, Any]]
Result = TypeVar("Result")


class Database:
    """The writer and the readers of one database.

    Args:
        settings: Where they are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._credentials = settings.database_secret
        self.patience = settings.database_patience
        self.writer = self._pool(str(settings.database_host))
        reader = settings.database_reader_host
        self.reader = self.writer if reader in {None, settings.database_host} else self._pool(str(reader))

    async def open(self) -> None:
        """Connect, and bring the schema up to date.

        Raises:
            UnavailableError: the writer does not answer within the patience of the settings.
        """
        for pool in {self.writer, self.reader}:
            await pool.open()

        async def upgrade(connection: Connection) -> None:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_SCHEMA_LOCK])
                await connection.execute(_SCHEMA.read_bytes())

        await self.run(upgrade)

    async def close(self) -> None:
        """Close every connection."""
        for pool in {self.writer, self.reader}:
            await pool.close()

    async def connect(self) -> Connection:
        """Return a connection to the writer that is nobody else's, and commits each statement."""
        return await AsyncConnection.connect(
            host=self._settings.database_host, **await self._options(), autocommit=True
        )

    async def run(self, work: Callable[[Connection], Awaitable[Result]], *, reader: bool = False) -> Result:
        """Return what work returns, which is retried for a while when a connection fails.

        Args:
            work: What to do with a connection. It may be done twice.
            reader: Whether a reader serves.

        Raises:
            UnavailableError: no connection could be had, or each failed.
        """
        pool = self.reader if reader else self.writer
        until = time.monotonic() + self.patience
        wait = 0.05
        while True:
            try:
                async with pool.connection(timeout=max(0.1, until - time.monotonic())) as connection:
                    try:
                        return await work(connection)
                    except psycopg.errors.ReadOnlySqlTransaction:
                        # It was the writer: the pool does not keep it.
                        await connection.close()
                        raise
            except _PASSING as error:
                if time.monotonic() + wait > until:
                    raise UnavailableError(type(error).__name__) from error
                _LOG.info("database connection failed (%s), trying again", type(error).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _pool(self, host: str) -> AsyncConnectionPool[Connection]:
        async def options() -> dict[str, Any]:
            return {"host": host, **await self._options(), "autocommit": True}

        return AsyncConnectionPool(
            kwargs=options,
            connection_class=AsyncConnection[dict[str, Any]],
            min_size=1,
            max_size=10,
            open=False,
            reconnect_timeout=5,
            max_lifetime=600,
        )

    async def _current(self) -> Credentials:
        # Asked for each connection, since the password is rotated; connections are few and live for ten minutes.
        secret_id = self._settings.database_secret_id
        if secret_id is not None:
            try:
                self._credentials = await asyncio.to_thread(_secret, secret_id)
            except (BotoCoreError, ClientError, ValueError) as error:
                if self._credentials is None:
                    raise psycopg.OperationalError(f"the secret cannot be read: {error}") from error
                _LOG.warning("the secret cannot be read, the last one is used: %s", error)
        if self._credentials is None:
            raise psycopg.OperationalError("there are no credentials")
        return self._credentials

    async def _options(self) -> dict[str, Any]:
        settings = self._settings
        credentials = await self._current()
        return {
            "port": settings.database_port,
            "dbname": settings.database_name,
            "user": credentials.username,
            "password": credentials.password,
            "connect_timeout": 3,
            # A server that is gone with its zone says nothing: what it had locked would stay so for minutes.
            "options": f"-c idle_in_transaction_session_timeout={_LONGEST_PAUSE}s",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "row_factory": psycopg.rows.dict_row,
            "application_name": "chat",
            "sslmode": "verify-full" if settings.database_ca else "require",
            **({"sslrootcert": settings.database_ca} if settings.database_ca else {}),
        }


def _secret(secret_id: str) -> Credentials:
    found = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)
    try:
        return Credentials.model_validate_json(found.get("SecretString", ""))
    except ValidationError:  # which would quote the secret
        raise ValueError("it has no username and password") from None
