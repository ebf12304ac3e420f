"""The SQL of Redshift, as DuckDB takes it: what they have in common is passed on, the rest is turned into it.

Distribution, sort keys and encodings are left out: they decide how fast a query is, not what it answers. `LOCK` and
`GRANT` do nothing: statements run one after the other, and there are no database users.
"""

import re
from dataclasses import dataclass

__all__ = ["Copy", "Statement", "translated"]

_STORAGE = re.compile(
    r"\b(?:DISTSTYLE\s+(?:EVEN|KEY|ALL|AUTO)|DISTKEY\s*(?:\([^)]*\))?|(?:COMPOUND\s+|INTERLEAVED\s+)?SORTKEY\s*(?:AUTO|\([^)]*\))?"
    r"|ENCODE\s+\w+)",
    re.IGNORECASE,
)
_LIKE = re.compile(r"CREATE\s+TEMP(?:ORARY)?\s+TABLE\s+(\S+)\s*\(\s*LIKE\s+(\S+)\s*\)", re.IGNORECASE)
_NOTHING = re.compile(r"(?:LOCK|GRANT|REVOKE|ANALYZE|VACUUM)\b", re.IGNORECASE)
_COPY = re.compile(
    r"COPY\s+(?P<table>\S+)\s+FROM\s+'s3://(?P<bucket>[^/']+)/(?P<prefix>[^']*)'\s+"
    r"IAM_ROLE\s+'(?P<role>[^']+)'\s+FORMAT\s+(?:AS\s+)?PARQUET\s*",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"('(?:[^']|'')*')|(?<![:\w]):([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Copy:
    """A load of Parquet objects, whose columns are those of the table by their position."""

    table: str
    bucket: str
    prefix: str
    role: str


Statement = Copy | str | None
"""A load, SQL of DuckDB, or nothing to do."""


def translated(sql: str) -> Statement:
    """Return what a statement means here.

    Raises:
        ValueError: it is a COPY of another form than of Parquet with a role.
    """
    text = sql.strip().rstrip(";").strip()
    if text.upper().startswith("COPY"):
        found = _COPY.fullmatch(text)
        if found is None:
            raise ValueError("of COPY there is only: COPY <table> FROM 's3://…' IAM_ROLE '…' FORMAT AS PARQUET")
        return Copy(**found.groupdict())
    if _NOTHING.match(text):
        return None
    if like := _LIKE.fullmatch(text):
        return f"CREATE TEMP TABLE {like[1]} AS SELECT * FROM {like[2]} LIMIT 0"  # noqa: S608 - the caller's own SQL
    if text.upper().startswith("CREATE"):
        text = _STORAGE.sub("", text)
    # Named parameters begin with a colon there and with a dollar sign here; texts stay as they are.
    return _PARAMETER.sub(lambda match: match[1] or f"${match[2]}", text)
