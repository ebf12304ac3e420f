"""The gallery's pictures in a browser: every text can be read, and nothing is outside of the picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from stacks.dojo.gallery import PAGE

pytestmark = pytest.mark.browser

PICTURES = sorted(PAGE.parent.glob("gallery-*.svg"))
BOXES = """
() => [...document.querySelectorAll("svg text, svg circle, svg polyline, svg line, svg rect")].map(one => {
  const box = one.getBoundingClientRect();
  return {what: one.tagName, said: one.textContent, left: box.left, top: box.top, right: box.right, bottom: box.bottom};
})
"""
TOUCHING = 1.0
"""Pixels by which boxes of letters may overlap: they are higher than the letters."""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_page(viewport={"width": 1400, "height": 1400}) as page:
        yield page


def faults(page: Page, svg: str) -> list[str]:
    """Return what cannot be read, or is outside of the picture."""
    page.set_content(f"<!doctype html><style>body {{ margin: 0 }} svg {{ display: block }}</style>{svg}")
    boxes: list[dict[str, Any]] = page.evaluate(BOXES)
    width, height = page.evaluate(
        "() => { const box = document.querySelector('svg').viewBox.baseVal; return [box.width, box.height] }"
    )
    found = [
        f"{one['what']} {one['said']!r} is outside"
        for one in boxes
        if one["left"] < 0 or one["top"] < 0 or one["right"] > width or one["bottom"] > height
    ]
    texts = [one for one in boxes if one["what"] == "text"]
    assert texts, "there is no text"
    return found + [
        f"{one['said']!r} is over {other['said']!r}"
        for number, one in enumerate(texts)
        for other in texts[number + 1 :]
        if min(one["right"], other["right"]) - max(one["left"], other["left"]) > TOUCHING
        and min(one["bottom"], other["bottom"]) - max(one["top"], other["top"]) > TOUCHING
    ]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_every_text_can_be_read_and_nothing_is_outside(page: Page, picture: Path) -> None:
    assert faults(page, picture.read_text()) == []


def test_there_are_three_pictures_and_the_page_shows_them() -> None:
    shown = PAGE.read_text()
    assert len(PICTURES) == 3
    assert [picture.name for picture in PICTURES if f"]({picture.name})" not in shown] == []


def test_texts_over_each_other_and_outside_are_found(page: Page) -> None:
    text = '<text x="10" y="{}">something</text>'
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100" width="200" height="100">{}</svg>'
    assert faults(page, svg.format(text.format(20) + text.format(60))) == []
    assert faults(page, svg.format(text.format(20) + text.format(25))) == ["'something' is over 'something'"]
    assert faults(page, svg.format(text.format(20) + '<text x="150" y="60">something</text>')) == [
        "text 'something' is outside"
    ]
