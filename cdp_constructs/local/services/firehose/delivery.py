"""Firehose: puts a batch of records into S3.

MiniStack's prefixes, partition keys and error documents are used as they are; error documents stay one to an object.
Nothing is delivered that the stream's role may not put. What a function fails to transform goes below the error prefix,
too.
"""

import gzip
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.firehose.conversion import convert
from cdp_constructs.local.services.firehose.transformation import Record, transform
from cdp_constructs.local.services.iam.evaluation import role_allows

__all__ = ["deliver"]


_firehose: Any = ministack.module(
    "services.firehose",
    "_DeliveryError",
    "_deliver_to_s3",
    "_evaluate_prefix",
    "_java_time",
    "_metadata_extraction_keys",
    "_put_s3_object",
    "_s3_bucket_from_arn",
)


def deliver(stream: Mapping[str, Any], destination: Mapping[str, Any], records: list[Record]) -> int:
    """Put the records into S3; return how many went below the error prefix."""
    config = destination["config"]
    bucket = _firehose._s3_bucket_from_arn(config.get("BucketARN", ""))
    _check_role(config.get("RoleARN", ""), f"arn:aws:s3:::{bucket}/{_start(config)}any")
    transformed = transform(stream, config, records)
    # An object is filed under the arrival of its oldest record.
    oldest = time.gmtime(records[0][2])
    groups: dict[str, list[bytes]] = defaultdict(list)
    failed = []
    for data, lambda_keys in transformed.records:
        try:
            dynamic = (config.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
            keys = _firehose._metadata_extraction_keys(config, data) if dynamic else None
            prefix = _firehose._evaluate_prefix(config.get("Prefix", ""), oldest, keys, lambda_keys)
        except _firehose._DeliveryError:
            failed.append(data)
        else:
            groups[prefix].append(data)
    for prefix, group in groups.items():
        bodies, extension, unconverted = _bodies(config, group)
        failed += unconverted
        for body in bodies:
            extension = config.get("FileExtension") or extension
            _firehose._put_s3_object(bucket, f"{prefix}{_name(stream, oldest)}{extension}", body)
    for data in failed:
        _firehose._deliver_to_s3(stream, destination, data)  # fails again, and writes the error document
    for failure in transformed.failures:
        prefix = _firehose._evaluate_prefix(
            config.get("ErrorOutputPrefix") or "processing-failed/", oldest, error_type="processing-failed"
        )
        _firehose._put_s3_object(bucket, f"{prefix}{_name(stream, oldest)}", f"{json.dumps(failure)}\n".encode())
    return len(failed)


def _name(stream: Mapping[str, Any], oldest: time.struct_time) -> str:
    when = _firehose._java_time("yyyy-MM-dd-HH-mm-ss", oldest)
    return f"{stream['name']}-{stream.get('version', 1)}-{when}-{uuid.uuid4()}"


def _bodies(config: Mapping[str, Any], group: list[bytes]) -> tuple[list[bytes], str, list[bytes]]:
    """Return the contents of objects, their extension, and the records that could not be converted."""
    conversion = config.get("DataFormatConversionConfiguration") or {}
    if conversion and conversion.get("Enabled", True):
        body, failed = convert(conversion, group)
        return [body] if body else [], ".parquet", failed
    if config.get("CompressionFormat") == "GZIP":
        return [gzip.compress(b"".join(group))], ".gz", []
    return [b"".join(group)], "", []


def _start(config: Mapping[str, Any]) -> str:
    """Return how every key begins, before the first expression of the prefix."""
    return str(config.get("Prefix", "")).partition("!{")[0]


def _check_role(role: str, resource: str) -> None:
    if not role_allows(role, "firehose", "s3:PutObject", resource):
        raise PermissionError(f"{role or 'no role'} may not do s3:PutObject on {resource}")
