"""Pages say what the files say that they show, and have no part that only the documentation site can read."""

from pathlib import Path

import pytest

from hatch_build import description
from tools.page_parts import KINDS, options, pages, split_default, written
from tools.pages import ROOT, parts_of
from tools.pattern_pages import KINDS as OF_EXAMPLES

PAGES = [page for page in pages() if parts_of(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_follows_from_files_is_up_to_date(page: Path) -> None:
    assert page.read_text() == written(page.read_text()), "run `make pages`"


def test_every_page_reads_as_plain_markdown() -> None:
    assert [page for page in pages() if "--8<--" in page.read_text()] == []


def test_only_pages_of_patterns_have_parts_of_examples() -> None:
    for page in PAGES:
        kinds = {kind for kind, _ in parts_of(page.read_text())}
        assert kinds <= {*KINDS, *OF_EXAMPLES}
        assert page.parent.name == "patterns" or not kinds & set(OF_EXAMPLES)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (None, "A review says, as https://example.com/ does."),
        (
            "https://host.example/r/blob/main",
            "A [review](https://host.example/r/blob/main/docs/r.md) says",
        ),
    ],
)
def test_an_index_shows_links_that_it_can_follow(source: str | None, shown: str) -> None:
    readme = "<!-- a mark -->\nA [review](docs/r.md) says, as https://example.com/ does. [Up](#top)"
    assert description(readme, source).startswith(shown)
    assert description(readme, source).endswith("[Up](#top)")


def test_every_option_that_a_page_lists_is_described() -> None:
    rows = [
        row
        for page in PAGES
        for kind, about in parts_of(page.read_text())
        if kind == "options"
        for row in options(about).splitlines()
    ]
    assert len(rows) > 300
    assert [row for row in rows if row.startswith("| `") and "(…)" not in row and row.endswith("|  |")] == []


@pytest.mark.parametrize(
    ("text", "default", "said"),
    [
        (
            "An existing topic. Default: a new one, or 10.0.0.0/16. More.",
            "a new one, or 10.0.0.0/16",
            "An existing topic. More.",
        ),
        ("How long. Default: 3 months.", "3 months", "How long."),
        ("Receives alarms; by default there are none.", "none", "Receives alarms."),
        ("The zone. By default no record is made.", "no record is made", "The zone."),
        ("Requests and burst. 5,000 and 2,500 by default.", "5,000 and 2,500", "Requests and burst."),
        ("What happens to it; it is kept by default.", "kept", "What happens to it."),
    ],
)
def test_the_default_is_taken_out_of_a_docstring(text: str, default: str, said: str) -> None:
    assert split_default(text) == (default, said)
