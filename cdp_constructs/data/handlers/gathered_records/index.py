"""Splits gathered records into one line for each measurement, before Firehose converts them.

Firehose takes several JSON documents in a record, one after the other, but no list. A measurement that does not fit the
table is kept below the prefix of errors, and those beside it go on; a record of which nothing fits is given back as
failed, and Firehose keeps it. Everything else passes as it is.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from pydantic_core import from_json

from .environment import Environment
from .messages import UnreadableRecordError, in_lower_case, is_gathered, records_of
from .rows import line_of

logger = Logger()
metrics = Metrics()

# What is sent again is done again; what waits for too long would hold up all that comes behind it.
CALLS = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
# An answer of Lambda has 6 MB at most, and a batch of Firehose 0.5 MB: nobody's record may take the place of others.
MOST_GROWTH = 8
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
s3 = boto3.client("s3", config=CALLS)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Transform a batch of a delivery stream."""
    del context
    rejected: list[Mapping[str, Any]] = []
    records = [_transformed(record, rejected) for record in event["records"]]
    if rejected:
        first = datetime.fromtimestamp(event["records"][0]["approximateArrivalTimestamp"] / 1000, UTC)
        key = f"{environment.prefix}{first:%Y-%m-%d}/{event['invocationId']}.json"
        body = "".join(json.dumps(one) + "\n" for one in rejected)
        s3.put_object(Bucket=environment.bucket, Key=key, Body=body.encode())
        logger.warning("Kept measurements that do not fit", key=key, rejected=len(rejected))
        metrics.add_metric(name="RejectedRecords", unit=MetricUnit.Count, value=len(rejected))
    return {"records": records}


def _transformed(record: Mapping[str, Any], rejected: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the answer for a record; what of it does not fit is added to what is rejected."""
    raw = base64.b64decode(record["data"])
    try:
        document = from_json(raw, allow_inf_nan=False)
        gathered = isinstance(document, dict) and is_gathered(document := in_lower_case(document))
    except ValueError:
        gathered = False  # for Firehose to reject, as it does without this function
    if not gathered:
        return {"recordId": record["recordId"], "result": "Ok", "data": record["data"]}
    try:
        lines, wrong = _split(document)
    except UnreadableRecordError as error:
        return _failed(record, document, str(error))
    output = b"".join(lines)
    if not lines:
        return _failed(record, document, "none of its measurements fits")
    if len(output) > MOST_GROWTH * len(raw):
        return _failed(record, document, "its measurements are much smaller than what names their sender")
    about = {name: document.get(name) for name in ("thing", "context", "type")}
    rejected += [{**one, **about} for one in wrong]
    return {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(output).decode()}


def _split(document: Mapping[str, Any]) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Return the lines of a gathered record, and what of it does not fit.

    Raises:
        UnreadableRecordError: it has too many measurements, or none.
    """
    lines: list[bytes] = []
    wrong: list[dict[str, Any]] = []
    for number, found in enumerate(records_of(document)):
        try:
            if isinstance(found, UnreadableRecordError):
                raise found
            lines.append(line_of(found, environment.columns))
        except UnreadableRecordError as error:
            wrong.append({"reason": f"measurement {number}: {error}", "record": document["measurements"][number]})
    return lines, wrong


def _failed(record: Mapping[str, Any], document: Mapping[str, Any], reason: str) -> Mapping[str, Any]:
    """Return the answer for a record that Firehose keeps as it is."""
    logger.warning("A record cannot be split", reason=reason, thing=str(document.get("thing"))[:128])
    metrics.add_metric(name="RejectedRecords", unit=MetricUnit.Count, value=1)
    return {"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]}
