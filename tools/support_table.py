"""Writes the table of docs/local-cloud.md from the labels of resource types: `python -m tools.support_table`."""

from collections import defaultdict
from pathlib import Path

from cdp_constructs.local.coverage.labels import LABELS
from tools.pages import with_part

__all__ = ["BEGIN", "END", "PAGE", "page_with_table", "support_table"]

PAGE = Path(__file__).parents[1] / "docs" / "local-cloud.md"
BEGIN = "<!-- support table: begin, written by `python -m tools.support_table` -->"
END = "<!-- support table: end -->"

_SUMMARISED = 100
"""A reason that so many types share is one sentence, not rows."""


def support_table() -> str:
    """Return the table in Markdown: types that share a reason in one row, those of the same service together."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, label in LABELS.items():
        groups[label.support.value, label.reason].append(name)
    rows, sentences = [], []
    for (support, reason), names in sorted(groups.items(), key=lambda group: sorted(group[1])):
        if len(names) > _SUMMARISED:
            sentences.append(f"The other types of CloudFormation deploy as *{support}*: {reason}.")
        else:
            rows.append(f"| {_types(names)} | {support} | {reason} |")
    header = ["| Types | Support | What is missing |", "|---|---|---|"]
    return "\n".join([*header, *rows, "", *sentences])


def _types(names: list[str]) -> str:
    by_service: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        service, _, resource = name.rpartition("::")
        by_service[service].append(resource)
    return "<br>".join(f"`{service}::` {', '.join(resources)}" for service, resources in by_service.items())


def page_with_table() -> str:
    """Return the page with the table as it should be."""
    return with_part(PAGE.read_text(), BEGIN, support_table(), END)


if __name__ == "__main__":
    PAGE.write_text(page_with_table())
