"""Tables in Markdown, and pages whose tables are written by a command."""

from collections.abc import Iterable, Sequence

__all__ = ["markdown", "with_tables"]


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_tables(page: str, tables: Iterable[tuple[str, str]], *, command: str) -> str:
    """Return a page with its tables, each between two comments that name it and the command that writes it."""
    for name, table in tables:
        begin, end = f"<!-- {name}: begin, written by `{command}` -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{table}\n{end}{after}"
    return page
