"""The page for beginners: each board is on it, in both languages, with a picture and what answers its wishes."""

import re
from pathlib import Path

import pytest

from stacks.dojo.gallery import EXHIBITS

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {"English": DOCS / "systems/dojo-beginner.md", "Japanese": DOCS / "ja/dojo-beginner.md"}


def sections(page: Path) -> dict[str, str]:
    """Return the parts about boards, by the board's name."""
    parts = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]
    return {name: part for part in parts if (name := part.split()[0]) == "C" or re.fullmatch(r"D\d+", name)}


@pytest.mark.parametrize("language", PAGES)
def test_every_board_has_a_picture_a_table_and_a_row_among_the_others(language: str) -> None:
    page = PAGES[language]
    found = sections(page)
    assert EXHIBITS.keys() <= found.keys()
    for name, part in found.items():
        assert part.count("```mermaid") == 1, name
        assert part.count("\n|") >= 4, name
        assert re.search(rf"^\| {name} \|", page.read_text(), re.MULTILINE), name
        # Two screens at most.
        assert len(part.splitlines()) <= 45, name


def test_both_languages_have_the_same_boards_and_arrows() -> None:
    english, japanese = (sections(page) for page in PAGES.values())
    assert list(english) == list(japanese)
    for name, part in english.items():
        drawn = [
            re.findall(r"--+|==+|-\.", one.partition("```mermaid")[2].partition("```")[0])
            for one in (part, japanese[name])
        ]
        assert drawn[0] == drawn[1], name
        assert part.count("\n|") == japanese[name].count("\n|"), name
