"""The catalogue of Cloud Design Patterns, in English and in Japanese, says the same and names what there is."""

import re
from pathlib import Path

import cdp_constructs

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (\S+) \| (.+) \|$", re.MULTILINE)
STATES = {"built": "実装", "covered": "含む", "obsolete": "不要", "planned": "予定"}
NOT_CONSTRUCTS = {"alarms_of"}


def rows(page: str) -> list[tuple[str, ...]]:
    return ROW.findall((DOCS / page).read_text())


def test_each_of_the_57_patterns_has_a_row_in_both_languages() -> None:
    english, japanese = rows("cdp.md"), rows("ja/cdp.md")
    assert [int(row[0]) for row in english] == [int(row[0]) for row in japanese] == list(range(1, 58))
    assert [STATES[row[3]] for row in english] == [row[3] for row in japanese]


def test_what_is_built_names_a_construct_and_every_name_is_public() -> None:
    for page in ("cdp.md", "ja/cdp.md"):
        for number, _, _, state, where in rows(page):
            names = set(re.findall(r"`(\w+)`", where)) - NOT_CONSTRUCTS
            assert names <= {*cdp_constructs.__all__, *(name.removesuffix("s") for name in cdp_constructs.__all__)}, (
                number
            )
            assert names or state not in {"built", "実装"}, number


def test_both_pages_name_the_same_constructs() -> None:
    for english, japanese in zip(rows("cdp.md"), rows("ja/cdp.md"), strict=True):
        assert set(re.findall(r"\(.*?patterns/(.*?)\)", english[4])) == set(
            re.findall(r"\(.*?patterns/(.*?)\)", japanese[4])
        ), english[0]
