"""The SQL of a load, and which sources a load had. Nothing here does I/O."""

import re
from collections.abc import Iterable

from .environment import Environment

# The names of the types in Redshift where they differ; a text of a record may be of any length that Redshift takes.
TYPES = {"double": "double precision", "string": "varchar(65535)"}
# Of 40 statements, seven are not about a source:
# https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html
MOST_SOURCES = 33
COPY = re.compile(r"COPY loaded FROM 's3://[^/']+/((?:[^']|'')*)' IAM_ROLE ")


def statements(environment: Environment, sources: list[str]) -> list[str]:
    """Return the SQL that merges what is below some prefixes, or some objects."""
    table = environment.table
    definition = ", ".join(f'"{name}" {TYPES.get(kind, kind)}' for name, kind in environment.columns.items())
    copies = [
        f"COPY loaded FROM 's3://{environment.bucket}/{_quoted(source)}' IAM_ROLE '{environment.copy_role}' "
        "FORMAT AS PARQUET"
        for source in sources
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


def sources_of(sqls: Iterable[str]) -> list[str]:
    """Return the sources of a load, by its SQL."""
    found = (COPY.match(sql) for sql in sqls)
    return [copy[1].replace("''", "'") for copy in found if copy]


def _quoted(text: str) -> str:
    return text.replace("'", "''")
