"""Words that docs/terms.md has retired are nowhere in code and pages."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/terms.md"
READ = ("*.py", "*.md", "*.ts", "*.tsx", "*.css", "Makefile", "*.toml")
# The page itself; what was said in the past.
LEFT_OUT = {"docs/terms.md", "CHANGELOG.md"}


def retired() -> list[str]:
    rows = re.findall(r"^\| (?!term|---)[^|]+\| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    return [word.strip() for row in rows for word in row.split(",")]


def texts() -> dict[str, str]:
    listed = subprocess.run(["git", "ls-files", *READ], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [name for name in listed.splitlines() if name not in LEFT_OUT and "__snapshots__" not in name]
    return {name: (ROOT / name).read_text() for name in files if (ROOT / name).is_file()}


TEXTS = texts()


def test_the_page_has_words() -> None:
    assert len(retired()) >= 10
    assert len(TEXTS) > 300


@pytest.mark.parametrize("word", retired())
def test_a_retired_word_is_not_used(word: str) -> None:
    # Across line breaks, as prose is wrapped; not inside an identifier.
    pattern = re.compile(r"\b" + r"[\s#*/]+".join(map(re.escape, word.split())) + r"\b", re.IGNORECASE)
    places = [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1}"
        for name, text in TEXTS.items()
        for found in pattern.finditer(text)
    ]
    assert not places, f"{word!r} in {', '.join(places)}"
