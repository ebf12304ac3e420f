"""The databases of Redshift Serverless: one of DuckDB in memory for each namespace, which a query cannot leave."""

import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.iam.evaluation import role_allows
from cdp_constructs.local.services.query_engine import connect_within
from cdp_constructs.local.services.redshift.dialect import Copy, translated
from cdp_constructs.local.services.redshift.workgroups import Workgroup

__all__ = ["Result", "SqlError", "run"]


class SqlError(Exception):
    """A statement failed, as Redshift says it."""


@dataclass(frozen=True)
class Result:
    """What a statement answers: names and types of the columns, and rows; no columns for one that answers nothing."""

    columns: Sequence[tuple[str, str]] = ()
    rows: Sequence[Sequence[Any]] = ()
    changed: int = -1


@dataclass
class _Database:
    """A database, and the folder of which its queries may open files."""

    folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="redshift-")
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    connection: Any = None

    def open(self) -> Any:
        if self.connection is None:
            self.connection = connect_within(self.folder.name)
        return self.connection


_databases: dict[tuple[str, str], _Database] = {}


def _load(connection: Any, folder: Path, copy: Copy, roles: Sequence[str]) -> Result:
    """Fetch the objects of a COPY with its role, and append their rows."""
    if copy.role not in roles:
        raise SqlError(f"ERROR: The role {copy.role} is not associated to the namespace")
    arn = f"arn:aws:s3:::{copy.bucket}"
    if not role_allows(copy.role, "redshift", "s3:ListBucket", arn):
        raise SqlError(f"ERROR: S3ServiceException: Access Denied, s3:ListBucket on {arn}")
    s3 = client("s3")
    keys = [
        item["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=copy.bucket, Prefix=copy.prefix)
        for item in page.get("Contents", ())
    ]
    if not keys:
        raise SqlError(f"ERROR: The specified S3 prefix '{copy.prefix}' does not exist")
    files: list[Path] = []
    for number, key in enumerate(keys):
        if not role_allows(copy.role, "redshift", "s3:GetObject", f"{arn}/{key}"):
            raise SqlError(f"ERROR: S3ServiceException: Access Denied, s3:GetObject on {arn}/{key}")
        file = folder / f"{number}.parquet"
        file.write_bytes(s3.get_object(Bucket=copy.bucket, Key=key)["Body"].read())
        files.append(file)
    try:
        # Partition folders are no columns for COPY.
        source = "SELECT * FROM read_parquet(?, hive_partitioning = false)"
        changed = connection.execute(f"INSERT INTO {copy.table} {source}", [[str(file) for file in files]]).fetchone()
    finally:
        for file in files:
            file.unlink()
    return Result(changed=changed[0])


def _execute(connection: Any, sql: str, parameters: Mapping[str, str]) -> Result:
    answer = connection.execute(sql, dict(parameters)) if parameters else connection.execute(sql)
    columns = [(name, str(kind)) for name, kind, *_ in answer.description or ()]
    if [name for name, _ in columns] == ["Count"]:
        # What changes rows says how many; CREATE and DROP say nothing.
        return Result(changed=(answer.fetchone() or (-1,))[0])
    return Result(columns, answer.fetchall())


def run(workgroup: Workgroup, database: str, statements: Sequence[str], parameters: Mapping[str, str]) -> list[Result]:
    """Run statements as one transaction, and return what each answers.

    Raises:
        SqlError: one failed; nothing was changed.
    """
    import duckdb

    found = _databases.setdefault((workgroup.arn, database), _Database())
    with found.lock:
        connection = found.open()
        connection.execute("BEGIN")
        try:
            results = []
            for sql in statements:
                meant = translated(sql)
                if isinstance(meant, Copy):
                    results.append(_load(connection, Path(found.folder.name), meant, workgroup.roles))
                else:
                    results.append(Result() if meant is None else _execute(connection, meant, parameters))
            connection.execute("COMMIT")
        except (duckdb.Error, SqlError, ValueError) as error:
            connection.execute("ROLLBACK")
            raise SqlError(str(error) if isinstance(error, SqlError) else f"ERROR: {error}") from error
        return results
