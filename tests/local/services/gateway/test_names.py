"""Browsers: names under localhost stand for names on AWS, for pages, APIs and WebSockets."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.gateway.names import with_local_sources
from tests.local.services.cloudfront.shop import SHOP, Browser, opened


@pytest.fixture(scope="module")
def browser(cloud: LocalCloud, stacks: Any) -> Iterator[Browser]:
    with opened(cloud, stacks) as shop:
        yield shop


# --- Distributions ---------------------------------------------------------------------------------------------------


def test_a_distribution_answers_to_the_local_names_of_its_domain_and_alias(browser: Browser) -> None:
    for url in (SHOP, f"https://{browser.outputs['Domain']}"):
        assert browser.ask("GET", f"{url}/a%20b.txt").text == "a b.txt"
        assert browser.ask("GET", url).text == "index.html", "the default root object"


# --- Names and origins -----------------------------------------------------------------------------------------------


def test_hosts_of_aws_have_local_names(browser: Browser) -> None:
    api = f"https://{browser.outputs['Api']}.execute-api.us-east-1.amazonaws.com"
    assert browser.ask("GET", f"{api}/carts").json()["path"] == "/carts"
    listed = browser.ask("GET", f"https://{browser.outputs['Site']}.s3.us-east-1.amazonaws.com/index.html")
    assert listed.status_code == 403, "the bucket answers without listing"
    target = "AWSCognitoIdentityProviderService.GetUser"
    sign_in = browser.ask("POST", "https://cognito-idp.us-east-1.amazonaws.com/", **{"X-Amz-Target": target})
    assert "__type" in sign_in.json()
    assert browser.ask("GET", "https://nobody.example.com/").status_code != 200


@pytest.mark.parametrize("service", ["api", "bucket"])
def test_an_allowed_origin_is_allowed_under_its_local_name(browser: Browser, service: str) -> None:
    url = {
        "api": f"https://{browser.outputs['Api']}.execute-api.us-east-1.amazonaws.com/carts",
        "bucket": f"https://{browser.outputs['Site']}.s3.us-east-1.amazonaws.com/index.html",
    }[service]
    asked = {"Access-Control-Request-Method": "GET"}
    for origin, allowed in ((browser.page, browser.page), (f"http://{browser.outputs['Domain']}.localhost", None)):
        answer = browser.ask("OPTIONS", url, Origin=origin, **asked)
        assert answer.headers.get("access-control-allow-origin") == allowed
    if service == "api":
        assert browser.ask("GET", url, Origin=browser.page).headers["access-control-allow-origin"] == browser.page


def test_an_origin_on_aws_is_what_services_see(browser: Browser) -> None:
    answer = browser.get("/api/carts", Origin=browser.page)
    assert answer.json()["headers"]["origin"] == SHOP


def test_websockets_reach_the_host_too(cloud: LocalCloud) -> None:
    local = cloud.browser_url("wss://unknown.execute-api.us-east-1.amazonaws.com/live")
    assert local == f"ws://unknown.execute-api.us-east-1.amazonaws.com.localhost:{httpx.URL(cloud.endpoint).port}/live"
    with pytest.raises(InvalidStatus), connect(local, sock=_socket(cloud), proxy=None):
        pass


def _socket(cloud: LocalCloud) -> socket.socket:
    return socket.create_connection(("127.0.0.1", httpx.URL(cloud.endpoint).port or 80))


def test_policies_of_pages_allow_the_local_names_of_what_they_allow() -> None:
    policy = "default-src 'self'; connect-src 'self' https://*.example.com wss://a.example.com/x; img-src data:"
    assert with_local_sources(policy, 80) == (
        "default-src 'self'; connect-src 'self' https://*.example.com http://*.example.com.localhost:80 "
        "http://127.0.0.1:80 wss://a.example.com/x ws://a.example.com.localhost:80/x ws://127.0.0.1:80; img-src data:"
    )


def test_names_that_ministack_chose_lack_only_the_scheme(cloud: LocalCloud) -> None:
    assert cloud.browser_url("wss://x.localhost:80/event") == "ws://x.localhost:80/event"
    policy = "connect-src wss://x.localhost:80/event"
    assert with_local_sources(policy, 80) == f"{policy} ws://x.localhost:80/event ws://127.0.0.1:80"


def test_local_addresses_stay_as_they_are(cloud: LocalCloud) -> None:
    assert cloud.browser_url(f"{cloud.endpoint}/x?y#z") == f"{cloud.endpoint}/x?y#z"
    port = httpx.URL(cloud.endpoint).port
    assert cloud.browser_url("https://a.example.com/x?y#z") == f"http://a.example.com.localhost:{port}/x?y#z"
