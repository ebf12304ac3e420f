"""The page without a network: it opens, shows what was read, sends when the network is back, and can be installed."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.stacks.chat.web.conftest import AWAY, HOME, Someone, Visitors, eventually

pytestmark = pytest.mark.browser

CONTROLLED = "navigator.serviceWorker.controller !== null"


def go_offline(page: Page, *, offline: bool) -> None:
    """Cut the page and its service worker off."""
    page.context.set_offline(offline)


def controlled(someone: Someone) -> None:
    eventually(lambda: someone.page.evaluate(CONTROLLED))


def test_the_page_opens_without_a_network_and_goes_on_where_it_was(visitors: Visitors) -> None:
    hanako = visitors.person("Hanako", HOME, service_workers="allow")
    liam = visitors.person("Liam", AWAY)
    room, _ = visitors.room(hanako.account, liam.account)
    visitors.room(hanako.account, name="Tea")
    for number in range(3):
        liam.account.post(AWAY, room, f"line {number}").raise_for_status()
    page = hanako.page
    hanako.open(room)
    hanako.sees("line 2")
    controlled(hanako)
    go_offline(page, offline=True)
    worker = page.context.service_workers[0]
    assert worker.evaluate("fetch('/config.json').then(() => 'answered', () => 'no network')") == "no network"
    page.reload()
    expect(page.get_by_role("heading", name="Hanami")).to_be_visible()
    assert hanako.texts() == ["line 0", "line 1", "line 2"]
    expect(page.get_by_role("link", name="Tea")).to_be_visible()
    expect(page.locator(".banner")).to_contain_text("You are offline")
    expect(page.locator(".people")).to_have_text("2 people · you are offline")
    hanako.say("Written without a network")
    expect(page.locator(".outgoing")).to_contain_text("Waiting for the network")
    # A room that was never opened here cannot be shown.
    page.get_by_role("link", name="Tea").click()
    expect(page.get_by_role("heading", name="cannot be reached")).to_be_visible()
    page.get_by_role("link", name="Hanami").click()
    liam.account.post(AWAY, room, "Meanwhile").raise_for_status()
    go_offline(page, offline=False)
    hanako.sees("Meanwhile")
    eventually(lambda: hanako.settled() and len(hanako.texts()) == 5)
    assert sorted(message["text"] for message in hanako.account.history(HOME, room)) == sorted(hanako.texts())
    # Nothing of the conversation is in the caches, and nothing at all outlives the sign-out.
    paths = (
        "caches.keys().then(names => Promise.all(names.map(name => caches.open(name).then(cache => cache.keys()))))"
        ".then(found => found.flat().map(request => new URL(request.url).pathname))"
    )
    kept = page.evaluate(paths)
    assert {"/", "/config.json"} <= set(kept)
    assert not [path for path in kept if path.startswith("/api")]
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('chat.kept'))") == []


def test_a_new_version_takes_over_with_the_next_page(visitors: Visitors) -> None:
    hanako = visitors.person("Hanako", HOME, service_workers="allow")
    page = hanako.page
    for name in ("First", "Second"):
        visitors.room(hanako.account, name=name)
    hanako.go()
    expect(page.get_by_role("link", name="Second")).to_be_visible()
    controlled(hanako)
    page.evaluate("window.old = true")
    page.get_by_role("link", name="First").click()
    expect(page.get_by_role("heading", name="First")).to_be_visible()
    assert page.evaluate("window.old")
    # What the browser says when another worker has taken over.
    page.evaluate("navigator.serviceWorker.dispatchEvent(new Event('controllerchange'))")
    page.get_by_role("link", name="Second").click()
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    assert page.evaluate("window.old ?? false") is False


def test_the_page_can_be_installed(visitors: Visitors) -> None:
    account, email = visitors.account("Hanako")
    hanako = visitors.browser_of(account, email, HOME, signed_in=False, service_workers="allow")
    page = hanako.page
    hanako.go()
    controlled(hanako)
    devtools = page.context.new_cdp_session(page)
    found = devtools.send("Page.getAppManifest")
    assert found["errors"] == []
    problems = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # The profile of a test is a private one, from which nothing can be installed.
    assert {problem["errorId"] for problem in problems} <= {"in-incognito"}
    manifest = json.loads(found["data"])
    assert manifest["display"] == "standalone"
    assert [icon["sizes"] for icon in manifest["icons"] if icon.get("purpose") == "maskable"] == ["512x512"]
    # A new worker, and what it does not keep, is asked for each time.
    headers = "path => fetch(path).then(({ status, headers }) => [status, headers.get('cache-control')])"
    for path in ("/sw.js", "/manifest.json", "/config.json", "/"):
        assert page.evaluate(headers, path) == [200, "no-cache"], path
