"""Asks Athena for the records of the batch layer."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any


def ask(athena: Any, named_query: str, columns: str, group: str) -> list[list[str]]:
    """Return some columns of the last day's records, a row for each group.

    Args:
        athena: A boto3 client.
        named_query: Id of the saved query RecordsPerThing. It is asked without its function of dates, which DuckDB has
            under another name.
        columns: What to select.
        group: The columns to group by.

    Raises:
        RuntimeError: when Athena cannot answer.
    """
    saved = athena.get_named_query(NamedQueryId=named_query)["NamedQuery"]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    query = athena.start_query_execution(
        QueryString=f"SELECT {columns} FROM telemetry "  # noqa: S608 - a date, and columns of the demonstration
        f"WHERE hour >= '{yesterday:%Y-%m-%d-%H}' GROUP BY {group}",
        QueryExecutionContext={"Database": saved["Database"]},
        WorkGroup=saved["WorkGroup"],
    )["QueryExecutionId"]
    while (status := _status(athena, query))["State"] in {"QUEUED", "RUNNING"}:
        time.sleep(0.1)
    if status["State"] != "SUCCEEDED":
        raise RuntimeError(f"Athena: {status['State']} {status.get('StateChangeReason', '')}")
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
    rows = [[cell["VarCharValue"] for cell in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
    return rows[1:]


def _status(athena: Any, query: str) -> dict[str, str]:
    answer = athena.get_query_execution(QueryExecutionId=query)
    return dict(answer["QueryExecution"]["Status"])
