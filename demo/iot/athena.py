"""Asks Athena for the records of the batch layer."""

from datetime import UTC, datetime, timedelta
from typing import Any

from demo.athena import rows_of


def ask(athena: Any, named_query: str, columns: str, group: str) -> list[list[str]]:
    """Return some columns of the last day's records, a row for each group.

    Args:
        athena: A boto3 client.
        named_query: Id of the saved query RecordsPerThing, which names the database and the workgroup.
        columns: What to select.
        group: The columns to group by.

    Raises:
        RuntimeError: when Athena cannot answer.
    """
    saved = athena.get_named_query(NamedQueryId=named_query)["NamedQuery"]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    sql = (
        f"SELECT {columns} FROM telemetry "  # noqa: S608 - a date, and columns of the demonstration
        f"WHERE hour >= '{yesterday:%Y-%m-%d-%H}' GROUP BY {group}"
    )
    return rows_of(athena, sql, database=saved["Database"], workgroup=saved["WorkGroup"])
