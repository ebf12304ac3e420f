"""Parts of pages that a program writes, between two marks; `make pages` writes those that follow from files.

A part begins with ``<!-- make pages: KIND ABOUT -->`` and ends with ``<!-- make pages: end -->``. What a part of each
kind says is in ``tools.page_parts``, and in ``tools.pattern_pages`` for what follows from a synthesised example.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["parts_of", "with_part", "with_parts"]

ROOT = Path(__file__).parents[1]
END = "<!-- make pages: end -->"
_PART = re.compile(
    r"(?P<begin><!-- make pages: (?P<kind>\w+)(?: (?P<about>[^\n]*?))? -->)\n.*?" + re.escape(END), re.DOTALL
)


def with_part(page: str, begin: str, part: str, end: str) -> str:
    """Return a page with another text, on lines of its own, between the marks.

    Raises:
        ValueError: the page does not have the marks.
    """
    before, begins, rest = page.partition(begin)
    _, ends, after = rest.partition(end)
    if not begins or not ends:
        raise ValueError(f"a page has no lines {begin!r} and {end!r}")
    return f"{before}{begin}\n{part}\n{end}{after}"


def parts_of(page: str) -> list[tuple[str, str]]:
    """Return kind and subject of each part of a page."""
    return [(match["kind"], match["about"] or "") for match in _PART.finditer(page)]


def with_parts(page: str, kinds: Mapping[str, Callable[[str], str]]) -> str:
    """Return a page in which the parts of some kinds say what they should; other parts stay.

    Args:
        page: The page.
        kinds: What returns the text of a part, from what it is about, by kind.
    """

    def written(match: re.Match[str]) -> str:
        if match["kind"] not in kinds:
            return match[0]
        return f"{match['begin']}\n\n{kinds[match['kind']](match['about'] or '')}\n\n{END}"

    return _PART.sub(written, page)
