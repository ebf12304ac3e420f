"""Pages say what the files say that they show, and have no part that only the documentation site can read."""

from pathlib import Path

import pytest

from tools.page_parts import KINDS, pages, written
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
