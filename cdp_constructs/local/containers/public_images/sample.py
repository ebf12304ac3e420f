#!/usr/bin/env python3
"""Answers every request at port 80 with a page, as the sample image of Amazon ECS does.

It stands for `amazon/amazon-ecs-sample`, whose page a web server of its own answers; the page says which it is.
"""

import http.server
import signal
import threading
from http import HTTPStatus

_PAGE = b"""<!DOCTYPE html>
<html><head><title>Simple PHP App</title></head>
<body><h1>Simple PHP App</h1><h2>Congratulations</h2>
<p>This page stands for that of the image amazon/amazon-ecs-sample on the embedded cloud.</p></body></html>
"""


class _Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=UTF-8")
        self.send_header("Content-Length", str(len(_PAGE)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(_PAGE)

    do_HEAD = do_GET  # noqa: N815  # http.server looks for this name


def main() -> None:
    """Answer until SIGTERM."""
    server = http.server.ThreadingHTTPServer(("", 80), _Pages)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


if __name__ == "__main__":
    main()
