"""DuckDB, on which Athena and Firehose's Parquet run: SQL opens no files but those that its query was given.

Without this, `COPY`, `ATTACH`, `read_csv` and the like reach every file of this machine, and `INSTALL` the internet.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any

from cdp_constructs.local.kit.patch import Patch, calling, patch, replace

__all__ = ["connect_within"]

_REFUSED = (
    "NOT_SUPPORTED: Queries of this type are not supported: a query reads the data of its tables, and nothing else"
)

# https://docs.aws.amazon.com/athena/latest/ug/functions.html, by those of DuckDB.
_FUNCTIONS_OF_ATHENA = (
    "json_extract_scalar(document, path) AS json_extract_string(document, path)",
    # The letters of dates are the same; those of times are not.
    "date_format(moment, pattern) AS strftime(CAST(moment AS TIMESTAMP), pattern)",
)

_folders: ContextVar[Sequence[str] | None] = ContextVar("_folders", default=None)
"""Folders of the query in progress; None where no caller wrote SQL: the server's temporary files."""
_is_own: ContextVar[bool] = ContextVar("_is_own", default=False)
"""Whether MiniStack wrote the SQL that follows, with nothing of a caller's in it."""


def _connect(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    if _is_own.get():
        return original(*arguments, **options)
    connection = original(
        ":memory:",
        config={
            # MiniStack sets this itself, later, and goes on when that is refused.
            "disabled_optimizers": "type_pushdown",
            "home_directory": tempfile.gettempdir(),
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_persistent_secrets": False,
        },
    )
    folders = _folders.get()
    connection.execute("SET allowed_directories = ?", [[tempfile.gettempdir()] if folders is None else [*folders]])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    for macro in _FUNCTIONS_OF_ATHENA:
        connection.execute(f"CREATE MACRO {macro}")
    return connection


def connect_within(folder: str) -> Any:
    """Return a database in memory whose SQL opens the files of one folder only."""
    import duckdb

    token = _folders.set([folder])
    try:
        return duckdb.connect()
    finally:
        _folders.reset(token)


_connection = Patch("duckdb:connect", calling(_connect)) if find_spec("duckdb") else None


@patch("ministack.services.athena:_rewrite_data_paths")
async def _allow_data(original: Callable[..., Any], *arguments: Any) -> Any:
    rewritten, table_buckets, folders = await original(*arguments)
    _folders.set(folders)  # each query is a task, which has a context of its own
    return rewritten, table_buckets, folders


@patch("ministack.services.athena:_run_duckdb")
async def _run(original: Callable[..., Any], *arguments: Any) -> Any:
    import duckdb

    try:
        return await original(*arguments)
    except (duckdb.PermissionException, duckdb.InvalidInputException) as error:
        if isinstance(error, duckdb.PermissionException) or "configuration" in str(error):
            raise PermissionError(_REFUSED) from error
        raise


@replace("ministack.services.athena:ATHENA_DATA_DIR")
def _data_folder(_original: str) -> str:
    # S3 keeps objects in memory. The text of an error does not show where the server has its files.
    return "/s3"


@patch("ministack.services.firehose:_iceberg_write_group")
def _write_iceberg(original: Callable[..., Any], *arguments: Any) -> Any:
    """Let it load the extension for Iceberg and call the catalog."""
    token = _is_own.set(True)
    try:
        return original(*arguments)
    finally:
        _is_own.reset(token)
