"""Event source mappings of DynamoDB streams: batches are bisected, retries end, partial failures are kept apart.

MiniStack's own poller repeats a failing batch for ever and ignores these settings.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.lambda_.mappings import batches

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.services.dynamodb:_tables",
    "ministack.services.lambda_svc:_dynamodb_stream_positions",
    "ministack.services.lambda_svc:_poll_dynamodb_streams",
    "ministack.services.lambda_svc:_send_ddb_stream_failure_record",
)

_ddb: Any = ministack.module("services.dynamodb")
_lambda: Any = ministack.module("services.lambda_svc")


def _shards() -> Iterator[batches.Shard]:
    """Give the streams that exist, each inside its account and Region."""
    for mapping, stream in batches.mappings_of("dynamodb"):
        table = stream.split("/")[1]
        if (_ddb._tables.get(table) or {}).get("LatestStreamArn") == stream:
            yield _shard(mapping, stream, table)


def _shard(mapping: dict[str, Any], stream: str, table: str) -> batches.Shard:
    position = 0

    def read(limit: int) -> list[Any]:
        nonlocal position
        position = _position(mapping, table)
        records: list[Any] = _ddb.stream_records_since(table, position, limit)
        return records

    def advance(count: int) -> None:
        _lambda._dynamodb_stream_positions[mapping["UUID"]] = position + count

    def give_up(records: list[Any], function: Any, result: Mapping[str, Any], condition: str, _tries: int) -> None:
        _lambda._send_ddb_stream_failure_record(mapping, function, records, stream, result, condition)

    return batches.Shard(
        mapping,
        name=stream,
        read=read,
        advance=advance,
        sequence_number=lambda record: record["dynamodb"]["SequenceNumber"],
        created=lambda record: float(record["dynamodb"]["ApproximateCreationDateTime"]),
        give_up=give_up,
    )


def _position(mapping: Mapping[str, Any], table: str) -> int:
    positions, identity = _lambda._dynamodb_stream_positions, mapping["UUID"]
    horizon: int = _ddb.stream_start_position(table)
    if identity not in positions:
        from_start = mapping.get("StartingPosition", "LATEST") == "TRIM_HORIZON"
        positions[identity] = horizon if from_start else _ddb.stream_end_position(table)
    position: int = max(positions[identity], horizon)
    return position


def install() -> None:
    """Replace the round of MiniStack's poller over the mappings of DynamoDB streams."""
    _lambda._poll_dynamodb_streams = lambda: batches.poll(_shards())
