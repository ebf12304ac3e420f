"""Asks Athena."""

import time
from typing import Any

__all__ = ["rows_of"]


def rows_of(athena: Any, sql: str, *, database: str, workgroup: str) -> list[list[str]]:
    """Return the rows of an answer, without its header.

    Args:
        athena: A boto3 client.
        sql: What is asked.
        database: Where the tables are.
        workgroup: Where the query runs.

    Raises:
        RuntimeError: when Athena cannot answer.
    """
    query = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": database}, WorkGroup=workgroup
    )["QueryExecutionId"]
    while (status := _status(athena, query))["State"] in {"QUEUED", "RUNNING"}:
        time.sleep(0.1)
    if status["State"] != "SUCCEEDED":
        raise RuntimeError(f"Athena: {status['State']} {status.get('StateChangeReason', '')}")
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
    rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
    return [[cell.get("VarCharValue", "") for cell in row] for row in rows[1:]]


def _status(athena: Any, query: str) -> dict[str, str]:
    answer = athena.get_query_execution(QueryExecutionId=query)
    return dict(answer["QueryExecution"]["Status"])
