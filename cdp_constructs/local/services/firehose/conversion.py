"""Firehose: converts records to one Parquet object, which needs DuckDB (the extra `analytics`)."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.firehose.values import UnfitValueError, value_for

__all__ = ["convert"]


_firehose: Any = ministack.module(
    "services.firehose", "_DeliveryError", "_conversion_error", "_hive_to_duckdb_type", "_json_documents"
)
_glue: Any = ministack.module("services.glue", "_tables")


def convert(conversion: Mapping[str, Any], group: list[bytes]) -> tuple[bytes | None, list[bytes]]:
    """Return the object, None when it would be empty, and the records that do not fit the table.

    Args:
        conversion: The stream's `DataFormatConversionConfiguration`.
        group: The records.
    """
    good, bad = _convertible(conversion, group)
    return (_parquet(conversion, good) if good else None), bad


def _convertible(conversion: Mapping[str, Any], group: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Separate the records that fit the table from those that do not, by bisection, as most batches have none."""
    if _parquet(conversion, group) is not None:
        return group, []
    if len(group) == 1:
        return [], group
    middle = len(group) // 2
    halves = [_convertible(conversion, half) for half in (group[:middle], group[middle:])]
    return [data for good, _ in halves for data in good], [data for _, bad in halves for data in bad]


def _parquet(conversion: Mapping[str, Any], group: list[bytes]) -> bytes | None:
    """Return records as one Parquet object, None if one does not fit; MiniStack reports why if delivered alone.

    MiniStack's own conversion inserts row by row, which takes more than a millisecond each.
    """
    serializer = ((conversion.get("OutputFormatConfiguration") or {}).get("Serializer") or {}).get("ParquetSerDe")
    columns = _columns(conversion)
    if serializer is None or not columns or not _can_be_quoted(columns) or find_spec("duckdb") is None:
        return None
    import duckdb

    try:
        documents = [document for data in group for document in _documents(data)]
        selected = ", ".join(
            f'unnest(?::{_firehose._hive_to_duckdb_type(column["Type"])}[]) AS "{column["Name"]}"' for column in columns
        )
        values = [
            [value_for(column["Type"], document.get(column["Name"].lower())) for document in documents]
            for column in columns
        ]
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
            file = Path(folder) / "out.parquet"
            connection.execute(f"COPY (SELECT {selected}) TO '{file}' (FORMAT PARQUET, COMPRESSION snappy)", values)
            return file.read_bytes()
    except (duckdb.Error, _firehose._DeliveryError, UnfitValueError):
        return None


def _documents(data: bytes) -> list[dict[str, Any]]:
    """Return the objects of a record, with the names of their fields in lower case."""
    return [{key.lower(): value for key, value in document.items()} for document in _firehose._json_documents(data)]


def _columns(conversion: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    schema = conversion.get("SchemaConfiguration") or {}
    table = _glue._tables.get(f"{schema.get('DatabaseName')}/{schema.get('TableName')}") or {}
    return (table.get("StorageDescriptor") or {}).get("Columns") or ()


def _can_be_quoted(columns: Sequence[Mapping[str, str]]) -> bool:
    """Whether names and types are what they look like where SQL has them in quotation marks."""
    return not any('"' in f"{column.get('Name')}{column.get('Type')}" for column in columns)


@patch("ministack.services.firehose:_json_documents")
def _documents_of(original: Callable[[bytes], list[dict[str, Any]]], data: bytes) -> list[dict[str, Any]]:
    try:
        return original(data)
    except RecursionError:
        # Nested too deeply: one record must not fail those that were gathered with it.
        raise _firehose._conversion_error("malformed") from None


@patch("ministack.services.firehose:_convert_to_parquet")
def _convert_alone(original: Callable[..., bytes], conversion: Mapping[str, Any], data: bytes) -> bytes:
    columns = _columns(conversion)
    if not _can_be_quoted(columns):
        raise _firehose._conversion_error("table")
    for document in _documents(data):
        for column in columns:
            try:
                value_for(column["Type"], document.get(column["Name"].lower()))
            except UnfitValueError:
                raise _firehose._conversion_error("mismatch") from None
    return original(conversion, data)
