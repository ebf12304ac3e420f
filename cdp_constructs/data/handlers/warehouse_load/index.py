"""Loads what Firehose delivered in the last hours into Redshift; the same records again change nothing.

The event is that of a schedule, or ``{"hours": ["2027-01-15-06"]}`` to load other hours again. All statements are one
transaction under a lock: either everything is merged or nothing, and two loads do not see each other half way. Redshift
sends an event to EventBridge when one failed.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
s3 = boto3.client("s3")
redshift = boto3.client("redshift-data")

# Firehose files by the arrival of an object's oldest record and delivers up to 15 minutes later, so the hour before the
# current one may still grow; one more for deliveries that were retried.
HOURS = 3
HOUR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}")
# Of 40 statements, seven are not about an hour:
# https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html
MOST_HOURS = 33
# The names of the types in Redshift where they differ; a text of a record may be of any length that Redshift takes.
TYPES = {"double": "double precision", "string": "varchar(65535)"}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The function's variables."""

    workgroup: str
    database: str
    table: str
    columns: Mapping[str, str]
    bucket: str
    prefix: str
    copy_role: str

    @classmethod
    def read(cls) -> "Environment":
        """Return what the variables of this process say."""
        return cls(
            workgroup=os.environ["WORKGROUP"],
            database=os.environ["DATABASE"],
            table=os.environ["TABLE"],
            columns=json.loads(os.environ["COLUMNS"]),
            bucket=os.environ["BUCKET"],
            prefix=os.environ["PREFIX"],
            copy_role=os.environ["COPY_ROLE"],
        )


environment = Environment.read()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Start a load; return its statement id, None when nothing was delivered."""
    del context
    hours = [hour for hour in hours_of(event) if _has_objects(hour)]
    if not hours:
        logger.info("Nothing was delivered")
        return {"statement": None, "hours": []}
    answer = redshift.batch_execute_statement(
        WorkgroupName=environment.workgroup,
        Database=environment.database,
        StatementName=environment.workgroup,
        Sqls=statements(hours),
        WithEvent=True,
    )
    logger.info("Load started", statement=answer["Id"], hours=hours)
    return {"statement": answer["Id"], "hours": hours}


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
    if len(hours) > MOST_HOURS:
        raise ValueError(f"hours are {len(hours)}; load {MOST_HOURS} at a time")
    return hours


def last_hours(now: datetime) -> list[str]:
    """Return the hours that may have grown, oldest first."""
    return [f"{now - timedelta(hours=back):%Y-%m-%d-%H}" for back in reversed(range(HOURS))]


def statements(hours: list[str]) -> list[str]:
    """Return the SQL that merges these hours."""
    table = environment.table
    definition = ", ".join(f'"{name}" {TYPES.get(kind, kind)}' for name, kind in environment.columns.items())
    source = f"s3://{environment.bucket}/{environment.prefix}"
    copies = [
        f"COPY loaded FROM '{source}hour={hour}/' IAM_ROLE '{environment.copy_role}' FORMAT AS PARQUET"
        for hour in hours
    ]
    # Records without an id are distinguished by their time only.
    same = (
        f'loaded.thing = {table}.thing AND loaded."at" = {table}."at" '
        f"AND coalesce(loaded.message_id, '') = coalesce({table}.message_id, '')"
    )
    return [
        f'CREATE TABLE IF NOT EXISTS {table} ({definition}) DISTKEY (thing) SORTKEY ("at")',
        # IAM says who may connect at all; see grant_read.
        f"GRANT SELECT ON TABLE {table} TO PUBLIC",
        f"LOCK TABLE {table}",
        f"CREATE TEMP TABLE loaded (LIKE {table})",
        *copies,
        f"DELETE FROM loaded USING {table} WHERE {same}",  # noqa: S608 - the pattern's own names
        f"INSERT INTO {table} SELECT DISTINCT * FROM loaded",  # noqa: S608
        "DROP TABLE loaded",
    ]


def _has_objects(hour: str) -> bool:
    # COPY fails on a prefix without objects.
    prefix = f"{environment.prefix}hour={hour}/"
    return bool(s3.list_objects_v2(Bucket=environment.bucket, Prefix=prefix, MaxKeys=1)["KeyCount"])
