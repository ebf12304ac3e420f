"""Records by the schema of a Glue table: one that does not fit is set apart, and those around it are converted."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.local.services.firehose import conversion
from tests.properties.inputs import examples, texts

COLUMNS = {
    "message_id": "string",
    "at": "bigint",
    "temperature": "double",
    "count": "int",
    "on": "boolean",
    "note": "string",
}
CONVERSION = {
    "Enabled": True,
    "SchemaConfiguration": {"DatabaseName": "layer", "TableName": "telemetry"},
    "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}},
}


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    columns = [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()]
    tables = {"layer/telemetry": {"StorageDescriptor": {"Columns": columns}}}
    monkeypatch.setattr("ministack.services.glue._tables", tables)
    # As the server does it when it starts.
    conversion._documents_of.apply()
    yield
    conversion._documents_of.undo()


def measured(name: str) -> dict[str, Any]:
    return {"message_id": name, "at": 1_800_000_000_000, "temperature": 21.5, "count": 3, "on": True, "note": "n"}


def convert(*records: bytes) -> tuple[list[str | None], list[bytes]]:
    """Return the ids of the rows that were written, and the records that were set apart."""
    written_object, apart = conversion.convert(CONVERSION, list(records))
    if written_object is None:
        return [], apart
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file, duckdb.connect() as connection:
        Path(file.name).write_bytes(written_object)
        rows = connection.from_parquet(file.name).fetchall()
    assert all(len(row) == len(COLUMNS) for row in rows)
    return [row[0] for row in rows], apart


UNFIT = (
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    100_000 * b'{"a":',
    b'{"at": NaN}',
    b"null",
    b'{"temperature": 1e999, "count": 1e999}',
    b'{"at": ' + b"9" * 5000 + b"}",
    b'{"note": "\\ud800"}',
)


FIRST, LAST = (json.dumps(measured(name)).encode() for name in ("first", "last"))


def test_records_that_are_known_to_fit_nowhere_are_set_apart() -> None:
    rows, apart = convert(FIRST, *UNFIT, LAST)
    assert rows == ["first", "last"]
    assert apart == list(UNFIT)


@examples(4)
@given(raw=texts(measured("bad")).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=9))
def test_a_record_costs_only_itself(raw: bytes) -> None:
    rows, apart = convert(FIRST, raw, LAST)
    assert (rows[0], rows[-1]) == ("first", "last")
    assert apart in ([], [raw])
    assert apart or len(rows) > 1
