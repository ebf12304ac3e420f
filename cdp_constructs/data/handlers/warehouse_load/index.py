"""Loads what Firehose delivered in the last hours into Redshift; the same records again change nothing.

The event is that of a schedule, ``{"hours": ["2027-01-15-06"]}`` to load other hours again, or EventBridge's of a load
that failed. All statements of a load are one transaction under a lock: either everything is merged or nothing, and two
loads do not see each other half way. COPY of Parquet fails with the first object that it cannot read, so a load that
failed is divided: into its hours, an hour into its objects. An object that fails alone is named in the dead-letter
queue, to which EventBridge sends the end of its load.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from .environment import Environment
from .sql import MOST_SOURCES, sources_of, statements

logger = Logger()
s3 = boto3.client("s3")
redshift = boto3.client("redshift-data")

# Firehose files by the arrival of an object's oldest record and delivers up to 15 minutes later, so the hour before the
# current one may still grow; one more for deliveries that were retried.
HOURS = 3
HOUR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}")
LONGEST_NAME = 500

environment = Environment.read()


@logger.inject_lambda_context
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Start a load, or the parts of one that failed; return statement ids, None when nothing was delivered."""
    del context
    if isinstance(event, dict) and event.get("source") == "aws.redshift-data":
        return _divide(_statement_of(event.get("detail")))
    hours = [hour for hour in hours_of(event) if _has_objects(hour)]
    if not hours:
        logger.info("Nothing was delivered")
        return {"statement": None, "hours": []}
    statement = _load([_prefix(hour) for hour in hours])
    logger.info("Load started", statement=statement, hours=hours)
    return {"statement": statement, "hours": hours}


def _statement_of(detail: Any) -> str:
    statement = detail.get("statementId") if isinstance(detail, dict) else None
    if not isinstance(statement, str) or not statement:
        raise ValueError("the event names no statement")
    return statement


def hours_of(event: Any) -> list[str]:
    """Return the hours that an event asks for, each once and oldest first; those of the schedule when it names none.

    Raises:
        ValueError: for other hours than such of UTC, or too many: nothing is loaded then.
    """
    asked = event.get("hours") if isinstance(event, dict) else event
    if asked is None or asked == []:
        return last_hours(datetime.now(UTC))
    if not isinstance(asked, list) or not all(isinstance(hour, str) and HOUR.fullmatch(hour) for hour in asked):
        raise ValueError(f"hours is {str(asked)[:100]!r}; use a list of hours of UTC, such as 2027-01-15-06")
    hours = sorted(set(asked))
    for hour in hours:
        datetime.strptime(hour, "%Y-%m-%d-%H").replace(tzinfo=UTC)
    if len(hours) > MOST_SOURCES:
        raise ValueError(f"hours are {len(hours)}; load {MOST_SOURCES} at a time")
    return hours


def last_hours(now: datetime) -> list[str]:
    """Return the hours that may have grown, oldest first."""
    return [f"{now - timedelta(hours=back):%Y-%m-%d-%H}" for back in reversed(range(HOURS))]


def _load(sources: list[str]) -> str:
    """Start a load; what cannot be divided has its key in the statement's name, for the dead-letter queue."""
    is_one_object = len(sources) == 1 and not sources[0].endswith("/")
    name = f"{environment.workgroup} {sources[0]}" if is_one_object else environment.workgroup
    answer = redshift.batch_execute_statement(
        WorkgroupName=environment.workgroup,
        Database=environment.database,
        StatementName=name[:LONGEST_NAME],
        Sqls=statements(environment, sources),
        WithEvent=True,
    )
    return str(answer["Id"])


def _divide(statement: str) -> dict[str, Any]:
    """Start the parts of a load that failed, each by itself."""
    described = redshift.describe_statement(Id=statement)
    sources = sources_of(part["QueryString"] for part in described.get("SubStatements", ()))
    if not sources:
        raise ValueError(f"statement {statement} is no load of this function")
    if len(sources) > 1:
        parts = [[source] for source in sources]
    else:
        objects = [key for prefix in sources for key in _objects(prefix)]
        size = 1 if len(objects) <= MOST_SOURCES else MOST_SOURCES
        parts = [objects[start : start + size] for start in range(0, len(objects), size)]
    started = [_load(part) for part in parts]
    logger.warning("A load failed and is divided", statement=statement, parts=started, error=described.get("Error"))
    return {"statement": statement, "parts": started}


def _prefix(hour: str) -> str:
    return f"{environment.prefix}hour={hour}/"


def _has_objects(hour: str) -> bool:
    # COPY fails on a prefix without objects.
    return bool(s3.list_objects_v2(Bucket=environment.bucket, Prefix=_prefix(hour), MaxKeys=1)["KeyCount"])


def _objects(prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=environment.bucket, Prefix=prefix)
    # What ends in a slash is how consoles show a folder; as a source it would be all that is below.
    return [item["Key"] for page in pages for item in page.get("Contents", ()) if not item["Key"].endswith("/")]
