"""Firehose: records for S3 are buffered by size and time, and delivered together, compressed or as one Parquet object.

MiniStack writes an object per record. Its prefixes, partition keys and error documents are used as they are; error
documents stay one to an object. Nothing is delivered that the stream's role may not put; it is tried again, as Firehose
does. Metrics `DeliveryToS3.DataFreshness`, `DeliveryToS3.Records` and `FailedConversion.Records` are published at each
delivery.

`POST /_cdp/firehose/flush?region=us-east-1&name=<delivery stream>` delivers at once what the buffer has.
"""

import gzip
import logging
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import client

_firehose: Any = ministack.module(
    "services.firehose",
    "_DeliveryError",
    "_apply_lambda_processors",
    "_deliver_to_s3",
    "_evaluate_prefix",
    "_hive_to_duckdb_type",
    "_java_time",
    "_json_documents",
    "_metadata_extraction_keys",
    "_put_s3_object",
    "_s3_bucket_from_arn",
    "_streams",
)
_glue: Any = ministack.module("services.glue", "_tables")
_evaluator: Any = ministack.module(
    "core.iam_evaluator", "EvalContext", "_gather_role_policies", "_permissions_boundary", "evaluate"
)
_iam: Any = ministack.module("services.iam", "_roles")
_responses: Any = ministack.module("core.responses")

_logger = logging.getLogger(__name__)

_MEGABYTE = 1_048_576
_DEFAULT_SIZE_MB = 5
_DEFAULT_INTERVAL = 300
_RETRY_AFTER = 5

_Key: TypeAlias = tuple[str, str, str, str]
"""Account, Region, name of the delivery stream, id of its destination."""
_Record: TypeAlias = tuple[str, bytes, float]
"""Id, data, and when it arrived."""


@dataclass
class _Buffer:
    records: list[_Record] = field(default_factory=list)
    size: int = 0
    timer: threading.Timer | None = None


_buffers: dict[_Key, _Buffer] = {}
_lock = threading.Lock()


@patch("ministack.services.firehose:_deliver_records_to_s3")
def _buffer(
    _original: Callable[..., None],
    stream: Mapping[str, Any],
    destination: Mapping[str, Any],
    records: list[tuple[str, bytes]],
) -> None:
    """Keep records until the buffer is full or its interval is over."""
    key = (_responses.get_account_id(), _responses.get_region(), stream["name"], destination["id"])
    hints = destination["config"].get("BufferingHints") or {}
    now = time.time()
    _keep(
        key,
        [(identity, data, now) for identity, data in records],
        float(hints.get("IntervalInSeconds", _DEFAULT_INTERVAL)),
    )
    if _buffers[key].size >= float(hints.get("SizeInMBs", _DEFAULT_SIZE_MB)) * _MEGABYTE:
        threading.Thread(target=_flush, args=(key,), daemon=True).start()


def _keep(key: _Key, records: list[_Record], interval: float) -> None:
    with _lock:
        buffer = _buffers.setdefault(key, _Buffer())
        buffer.records = sorted([*buffer.records, *records], key=lambda record: record[2])
        buffer.size += sum(len(data) for _, data, _ in records)
        if buffer.timer is None:
            buffer.timer = threading.Timer(interval, _flush, args=(key,))
            buffer.timer.daemon = True
            buffer.timer.start()


def _flush(key: _Key) -> None:
    account, region, name, destination_id = key
    with _lock:
        buffer = _buffers.get(key)
        if buffer is None or not buffer.records:
            return
        if buffer.timer is not None:
            buffer.timer.cancel()
        records, _buffers[key] = buffer.records, _Buffer()
    with _responses.request_scope(account, region):
        stream = _firehose._streams.get(name) or {"destinations": []}
        destination = next((item for item in stream["destinations"] if item["id"] == destination_id), None)
        if destination is None:
            return
        try:
            failed = _deliver(stream, destination, records)
        except Exception:
            _logger.exception("Firehose delivery of %s failed; it is tried again", name)
            _keep(key, records, _RETRY_AFTER)
            return
        _publish_metrics(name, len(records), failed)


def _deliver(stream: Mapping[str, Any], destination: Mapping[str, Any], records: list[_Record]) -> int:
    """Put the records into S3; return how many went below the error prefix."""
    config = destination["config"]
    bucket = _firehose._s3_bucket_from_arn(config.get("BucketARN", ""))
    _check_role(config.get("RoleARN", ""), f"arn:aws:s3:::{bucket}/{_start(config)}any")
    lambda_keys: dict[str, dict[str, str]] = {}
    batch = [(identity, data) for identity, data, _ in records]
    processed = _firehose._apply_lambda_processors(stream, destination, batch, partition_sink=lambda_keys)
    # An object is filed under the arrival of its oldest record.
    oldest = time.gmtime(records[0][2])
    groups: dict[str, list[bytes]] = defaultdict(list)
    failed = []
    for identity, data in processed:
        try:
            dynamic = (config.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
            keys = _firehose._metadata_extraction_keys(config, data) if dynamic else None
            prefix = _firehose._evaluate_prefix(config.get("Prefix", ""), oldest, keys, lambda_keys.get(identity))
        except _firehose._DeliveryError:
            failed.append(data)
        else:
            groups[prefix].append(data)
    for prefix, group in groups.items():
        bodies, extension, unconverted = _bodies(config, group)
        failed += unconverted
        for body in bodies:
            when = _firehose._java_time("yyyy-MM-dd-HH-mm-ss", oldest)
            name = f"{stream['name']}-{stream.get('version', 1)}-{when}-{uuid.uuid4()}"
            _firehose._put_s3_object(bucket, f"{prefix}{name}{config.get('FileExtension') or extension}", body)
    for data in failed:
        _firehose._deliver_to_s3(stream, destination, data)  # fails again, and writes the error document
    return len(failed)


def _bodies(config: Mapping[str, Any], group: list[bytes]) -> tuple[list[bytes], str, list[bytes]]:
    """Return the contents of objects, their extension, and the records that could not be converted."""
    conversion = config.get("DataFormatConversionConfiguration") or {}
    if conversion and conversion.get("Enabled", True):
        good, bad = _convertible(conversion, group)
        body = _parquet(conversion, good) if good else None
        return [body] if body else [], ".parquet", bad
    if config.get("CompressionFormat") == "GZIP":
        return [gzip.compress(b"".join(group))], ".gz", []
    return [b"".join(group)], "", []


def _convertible(conversion: Mapping[str, Any], group: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Tell the records that fit the table from those that do not, by halves: most batches have none that do not."""
    if _parquet(conversion, group) is not None:
        return group, []
    if len(group) == 1:
        return [], group
    middle = len(group) // 2
    halves = [_convertible(conversion, half) for half in (group[:middle], group[middle:])]
    return [data for good, _ in halves for data in good], [data for _, bad in halves for data in bad]


def _parquet(conversion: Mapping[str, Any], group: list[bytes]) -> bytes | None:
    """Return records as one Parquet object, None if one does not fit; MiniStack says why when it is delivered alone.

    MiniStack's own conversion inserts row by row, which takes more than a millisecond each.
    """
    serializer = ((conversion.get("OutputFormatConfiguration") or {}).get("Serializer") or {}).get("ParquetSerDe")
    schema = conversion.get("SchemaConfiguration") or {}
    table = _glue._tables.get(f"{schema.get('DatabaseName')}/{schema.get('TableName')}") or {}
    columns = (table.get("StorageDescriptor") or {}).get("Columns") or []
    if serializer is None or not columns or find_spec("duckdb") is None:
        return None
    import duckdb

    try:
        documents = [
            {key.lower(): value for key, value in document.items()}
            for data in group
            for document in _firehose._json_documents(data)
        ]
        selected = ", ".join(
            f'unnest(?::{_firehose._hive_to_duckdb_type(column["Type"])}[]) AS "{column["Name"]}"' for column in columns
        )
        values = [[document.get(column["Name"].lower()) for document in documents] for column in columns]
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
            file = Path(folder) / "out.parquet"
            connection.execute(f"COPY (SELECT {selected}) TO '{file}' (FORMAT PARQUET, COMPRESSION snappy)", values)
            return file.read_bytes()
    except (duckdb.Error, _firehose._DeliveryError):
        return None


def _start(config: Mapping[str, Any]) -> str:
    """Return how every key begins, before the first expression of the prefix."""
    return str(config.get("Prefix", "")).partition("!{")[0]


def _check_role(role: str, resource: str) -> None:
    account = _responses.get_account_id()
    name = role.rpartition("/")[2]
    context = _evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/firehose",
        principal_type="AssumedRole",
        principal_account=account,
        action="s3:PutObject",
        resource_arn=resource,
        region=_responses.get_region(),
    )
    policies = _evaluator._gather_role_policies(name, account)
    limits = _evaluator._permissions_boundary(_iam._roles, name, account)
    if _evaluator.evaluate(context, policies, *limits).decision != "Allow":
        raise PermissionError(f"{role or 'no role'} may not do s3:PutObject on {resource}")


def _publish_metrics(name: str, delivered: int, failed: int) -> None:
    values = {
        # Nothing older than this is left behind; the buffer was emptied just now.
        "DeliveryToS3.DataFreshness": 0,
        "DeliveryToS3.Records": delivered - failed,
        "FailedConversion.Records": failed,
    }
    client("cloudwatch").put_metric_data(
        Namespace="AWS/Firehose",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "DeliveryStreamName", "Value": name}],
                "Timestamp": datetime.now(UTC),
                "Value": value,
            }
            for metric, value in values.items()
        ],
    )


@route("POST", "firehose/flush")
def _flush_now(request: Mapping[str, Any]) -> Mapping[str, Any]:
    with _lock:
        found = {
            key: len(buffer.records)
            for key, buffer in _buffers.items()
            if key[1:3] == (request["region"], request["name"])
        }
    for key in found:
        threading.Thread(target=_flush, args=(key,), daemon=True).start()  # not on the event loop, which puts objects
    return {"records": sum(found.values())}
