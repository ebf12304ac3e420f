"""Event source mappings of DynamoDB streams: bisection, limits of retries and age, partial failures.

MiniStack's own poller retries a failing batch without end and ignores these settings.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.lambda_.mappings import batches

_ddb: Any = ministack.module("services.dynamodb", "_tables")
_lambda: Any = ministack.module("services.lambda_svc", "_dynamodb_stream_positions", "_send_ddb_stream_failure_record")


def _shards() -> Iterator[batches.Shard]:
    """Yield the existing streams, each in the scope of its account and Region."""
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


@patch("ministack.services.lambda_svc:_poll_dynamodb_streams")
def _poll(_original: Callable[[], None]) -> None:
    batches.poll(_shards())
