"""A browser of this machine, with a home of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

__all__ = ["CHROMIUM", "open_browser"]

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


@contextmanager
def open_browser(*arguments: str) -> Iterator[Browser]:
    """Start Chromium with these arguments beside those that keep it quiet."""
    if not Path(CHROMIUM).exists():
        pytest.fail(f"there is no browser at {CHROMIUM}; let CHROMIUM name one, or run the test by its make target")
    # Chromium keeps crash reports and caches in the home, whatever profile it has.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, sync_playwright() as playwright:
        own = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")} | {"HOME": home}
        options = [*_ARGUMENTS, *arguments]
        with playwright.chromium.launch(executable_path=CHROMIUM, args=options, env={**own}) as browser:
            yield browser
