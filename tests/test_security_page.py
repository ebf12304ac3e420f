"""docs/security.md names every test of tests/security, and no test that does not exist."""

import ast
import re
from pathlib import Path

import pytest

from tools.security_page import PAGE, ROOT, names_of_tests, page_with_table

REFERENCES = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE.read_text())))


def test_the_table_of_attackers_is_up_to_date() -> None:
    assert PAGE.read_text() == page_with_table(), "run `python -m tools.security_page`"


def test_the_page_names_tests() -> None:
    assert len(REFERENCES) > 30


@pytest.mark.parametrize(("file", "name"), REFERENCES)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    assert (ROOT / file).is_file()
    assert name in set(names_of_tests(ROOT / file))


@pytest.mark.parametrize("file", sorted((ROOT / "tests/security").glob("test_*.py")), ids=lambda file: file.name)
def test_a_module_of_attackers_says_who_attacks(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text()))


def test_other_files_and_targets_that_are_named_exist() -> None:
    page = PAGE.read_text()
    for path in re.findall(r"`((?:demo|stacks|cdp_constructs|tests)/[\w/.-]+)`", page):
        assert (ROOT / path).exists(), path
    targets = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", page):
        assert re.search(rf"^{target}:", targets, re.MULTILINE), target
