"""A sorry page on the embedded cloud: what readers of a site get while its server fails, is away, and is back."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins

from cdp_constructs import CacheDistribution, SorryPage
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually

REGION = "us-east-1"
# For how long an edge location gives the page without asking the origin.
ERROR_CACHING = 5
_paths = (f"/pages/{number}" for number in count())


class _Answers(BaseHTTPRequestHandler):
    server: "_HttpServer"

    def answer(self) -> None:
        origin = self.server.origin
        origin.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if origin.seconds:
            time.sleep(origin.seconds)
        body = b'{"error": "busy"}' if origin.status >= 400 else b"from the server"
        self.send_response(origin.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 - names of http.server

    def log_message(self, *_arguments: Any) -> None:
        """Keep the test's output clean."""


class _HttpServer(ThreadingHTTPServer):
    origin: "Origin"


class Origin:
    """A server of the site, which can answer with an error, answer late, and be away."""

    def __init__(self) -> None:
        self.status = 200
        self.seconds = 0.0
        self.asked: list[str] = []
        self._server = self._serve(0)
        self.port = self._server.server_port

    def _serve(self, port: int) -> _HttpServer:
        server = _HttpServer(("127.0.0.1", port), _Answers)
        server.origin = self
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Refuse connections."""
        self.close()
        try:
            yield
        finally:
            self._server = self._serve(self.port)

    @contextmanager
    def answering(self, status: int = 200, seconds: float = 0) -> Iterator[None]:
        self.status, self.seconds = status, seconds
        try:
            yield
        finally:
            self.status, self.seconds = 200, 0


class Site:
    """The deployed site, and its readers."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self._cloud = cloud
        ((_, self._outputs),) = deployment.outputs.items()

    def ask(self, method: str, path: str, *, of: str = "Site", **options: Any) -> httpx.Response:
        """Ask as a browser does, which resolves names under localhost."""
        local = httpx.URL(self._cloud.browser_url(self._outputs[of]))
        headers = {"Host": local.netloc.decode()}
        return httpx.request(method, f"{self._cloud.endpoint}{path}", headers=headers, timeout=30, **options)

    def remove_page(self) -> None:
        storage = self._cloud.client("s3", REGION)
        storage.delete_object(Bucket=self._outputs["Bucket"], Key="sorry/index.html")


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    server = Origin()
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment], origin: Origin) -> Site:
    @architecture
    def site_of_a_server(stack: Stack) -> None:
        server = origins.HttpOrigin(
            "localhost",
            http_port=origin.port,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTP_ONLY,
            read_timeout=Duration.seconds(1),
        )
        made = CacheDistribution(stack, "Site", origin=server)
        sorry = SorryPage(stack, "Sorry", site=made, retry_after=Duration.seconds(20))
        made.add_uncached_behavior("/*", server)
        api = CacheDistribution(stack, "Api", origin=server)
        CfnOutput(stack, "SiteUrl", value=made.url).override_logical_id("Site")
        CfnOutput(stack, "ApiUrl", value=api.url).override_logical_id("Api")
        CfnOutput(stack, "BucketName", value=sorry.bucket.bucket_name).override_logical_id("Bucket")

    return Site(local_cloud, deployed(site_of_a_server))


@pytest.fixture
def path() -> str:
    """Return a path that nobody has asked for."""
    return next(_paths)


def assert_is_page(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "20"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("text/html")
    assert "We will be back soon" in answer.text
    assert "まもなく再開します" in answer.content.decode()
    assert '<meta http-equiv="refresh" content="20">' in answer.text


def test_a_server_that_answers_is_heard_itself(site: Site, path: str) -> None:
    for method in ("GET", "POST"):
        answer = site.ask(method, path)
        assert (answer.status_code, answer.text) == (200, "from the server")
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_it_answers_while_it_fails_is_the_page(site: Site, origin: Origin, path: str, status: int) -> None:
    with origin.answering(status):
        assert_is_page(site.ask("GET", path))


@pytest.mark.parametrize("status", [404, 500])
def test_its_other_answers_reach_the_reader_as_they_are(site: Site, origin: Origin, path: str, status: int) -> None:
    with origin.answering(status):
        answer = site.ask("GET", path)
    assert (answer.status_code, answer.text) == (status, '{"error": "busy"}')


def test_a_server_that_refuses_connections_is_the_page(site: Site, origin: Origin, path: str) -> None:
    with origin.away():
        assert_is_page(site.ask("GET", path))


def test_a_server_that_is_too_slow_is_the_page(site: Site, origin: Origin, path: str) -> None:
    with origin.answering(seconds=2):
        assert_is_page(site.ask("GET", path))


def test_a_form_that_is_sent_while_the_server_is_away_gets_the_page(site: Site, origin: Origin, path: str) -> None:
    with origin.away():
        assert_is_page(site.ask("POST", path, content=b"text=hello"))


def test_a_check_without_a_body_gets_the_status(site: Site, origin: Origin, path: str) -> None:
    with origin.away():
        answer = site.ask("HEAD", path)
    assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (503, b"", "20")


def test_the_page_loads_its_style_while_the_server_is_away(site: Site, origin: Origin) -> None:
    with origin.away():
        style = site.ask("GET", "/sorry/style.css")
    assert style.status_code == 200
    assert style.headers["content-type"].startswith("text/css")
    # What the page may load by its own policy.
    assert "style-src 'self'" in style.headers["content-security-policy"]


def test_a_page_has_the_security_headers(site: Site, origin: Origin, path: str) -> None:
    with origin.away():
        headers = site.ask("GET", path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_readers_have_the_server_back_within_five_seconds(site: Site, origin: Origin, path: str) -> None:
    begin = time.monotonic()
    with origin.away():
        assert_is_page(site.ask("GET", path))
    asked = len(origin.asked)
    assert_is_page(site.ask("GET", path))
    assert len(origin.asked) == asked, "the edge location asks again only when the error is 5 seconds old"
    back = eventually(
        lambda: found if (found := site.ask("GET", path)).status_code == 200 else None, within=ERROR_CACHING + 2
    )
    assert back.text == "from the server"
    assert time.monotonic() - begin < ERROR_CACHING + 2


def test_what_was_never_asked_for_has_the_server_back_at_once(site: Site, origin: Origin, path: str) -> None:
    with origin.away():
        assert_is_page(site.ask("GET", path))
    assert site.ask("GET", next(_paths)).status_code == 200
    assert site.ask("POST", path).status_code == 200, "answers of a POST are not kept"


def test_an_api_with_a_distribution_of_its_own_keeps_its_errors(site: Site, origin: Origin, path: str) -> None:
    with origin.answering(503):
        answer = site.ask("GET", path, of="Api")
    assert (answer.status_code, answer.text) == (503, '{"error": "busy"}')


def test_without_the_page_readers_see_an_error_and_not_a_wrong_page(site: Site, origin: Origin, path: str) -> None:
    site.remove_page()
    with origin.away():
        answer = site.ask("GET", path)
    assert answer.status_code == 403
    assert "back soon" not in answer.text
