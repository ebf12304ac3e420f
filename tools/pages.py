"""Parts of pages that a program writes, between two marks."""

__all__ = ["with_part"]


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
