"""Asks Chromium which files it shows."""

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

from playwright.sync_api import sync_playwright

# An image whose bytes make no sense can have a size and still paint nothing.
_IS_SHOWN = """source => new Promise(answer => {
  const image = new Image();
  image.onerror = () => answer(false);
  image.onload = () => {
    const context = Object.assign(document.createElement("canvas"), { width: 16, height: 16 }).getContext("2d");
    context.drawImage(image, 0, 0, 16, 16);
    answer(context.getImageData(0, 0, 16, 16).data.some(value => value > 0));
  };
  image.src = source;
})"""


def shown(files: Mapping[str, Path], chromium: str) -> tuple[str, set[str]]:
    """Return the browser's version, and the names of the files of which it paints something."""
    with _served(files) as origin, tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        # Chromium keeps crash reports and caches in the home, whatever profile it has.
        own = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")} | {"HOME": home}
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"], env={**own})
        page = browser.new_page()
        page.goto(f"{origin}/")
        return browser.version, {name for name in files if page.evaluate(_IS_SHOWN, f"{origin}/{quote(name)}")}


@contextmanager
def _served(files: Mapping[str, Path]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = files.get(unquote(self.path[1:]))
            content = path.read_bytes() if path else b"<!doctype html>"
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if path else "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            # The browser hangs up as soon as it sees that a file is no image.
            self.close_connection = True
            try:
                self.wfile.write(content)
            except ConnectionError:
                return

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
