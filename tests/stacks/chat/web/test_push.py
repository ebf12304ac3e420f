"""Notifications while the page is closed: the switch registers the browser, and what is pushed opens its room.

Chromium without a head has no push service, so the subscription is one of the embedded cloud's, given to the page, and
the browser's part of the way, from push service to service worker, is DevTools'.
"""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Worker, expect

from cdp_constructs.testing import Browser
from tests.stacks.chat.web.conftest import HOME, Someone, Visitors, eventually

pytestmark = pytest.mark.browser

# What a browser with a push service does, for one subscription.
SUBSCRIBING = """
([endpoint, keys]) => {
  let subscription = null;
  PushManager.prototype.getSubscription = async () => subscription;
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    const text = applicationServerKey.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    subscription = {
      endpoint,
      options: { userVisibleOnly, applicationServerKey: bytes.buffer },
      toJSON: () => ({ endpoint, keys }),
      unsubscribe: async () => { subscription = null; return true; },
    };
    return subscription;
  };
}
"""
SHOWN = "self.registration.getNotifications().then((all) => all.map(({ title, body, tag }) => [title, body, tag]))"
# A click on a notification is the system's. Only an event of the browser may be waited for.
CLICK = """
async () => {
  const [notification] = await self.registration.getNotifications();
  const click = new NotificationEvent("notificationclick", { notification });
  click.waitUntil = (work) => work.catch(() => undefined);
  self.dispatchEvent(click);
}
"""


def deliver(page: Page, text: str) -> None:
    """Hand a message to the service worker, as the browser does with what its push service has."""
    found: list[Any] = []
    devtools = page.context.new_cdp_session(page)
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(event["registrations"]))
    devtools.send("ServiceWorker.enable")
    eventually(lambda: page.evaluate("1") and found)
    origin = page.evaluate("location.origin")
    message = {"origin": origin, "registrationId": found[0]["registrationId"], "data": text}
    devtools.send("ServiceWorker.deliverPushMessage", message)


def at_a_browser(visitors: Visitors, name: str) -> tuple[Someone, Browser, Worker]:
    """Return a person whose browser can subscribe, with the subscription that it will have, and its service worker."""
    someone = visitors.person(name, HOME, service_workers="allow")
    page = someone.page
    page.context.grant_permissions(["notifications", "clipboard-read", "clipboard-write"])
    key = someone.account.call(HOME, "POST", "/session", json={}).raise_for_status().json()["web_push_key"]
    browser = Browser(visitors.chat.cloud, key)
    keys = {"p256dh": browser.p256dh, "auth": browser.auth}
    page.add_init_script(f"({SUBSCRIBING})({json.dumps([browser.endpoint, keys])})")
    someone.go()
    # Playwright receives events of the worker while it asks the page something.
    eventually(lambda: page.evaluate("navigator.serviceWorker.controller !== null") and page.context.service_workers)
    return someone, browser, page.context.service_workers[0]


def test_a_click_registers_the_browser_and_a_message_to_who_is_away_opens_its_room(visitors: Visitors) -> None:
    hanako, browser, worker = at_a_browser(visitors, "Hanako")
    liam, _ = visitors.account("Liam")
    room, _ = visitors.room(hanako.account, liam)
    page = hanako.page
    # Offered without the settings, and asked for by nobody but the click.
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator(".offer")).to_have_count(0)
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("In this browser")).to_be_checked()
    page.keyboard.press("Escape")
    assert liam.post(HOME, room, "Where are you?").status_code == 201
    [text] = eventually(browser.received)
    deliver(page, text)
    assert eventually(lambda: worker.evaluate(SHOWN)) == [["Hanami", "Liam: Where are you?", room]]
    worker.evaluate(CLICK)
    expect(page.get_by_role("heading", name="Hanami")).to_be_visible()
    hanako.sees("Where are you?")
    assert worker.evaluate(SHOWN) == []


def test_the_settings_end_it_and_so_does_signing_out(visitors: Visitors) -> None:
    hanako, browser, _ = at_a_browser(visitors, "Hanako")
    page = hanako.page
    page.get_by_role("button", name="Not now").click()
    expect(page.locator(".offer")).to_have_count(0)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("In this browser").check()
    [device] = eventually(lambda: devices(visitors, hanako))
    assert device["token"] == {"S": browser.endpoint}
    page.get_by_label("In this browser").uncheck()
    eventually(lambda: not devices(visitors, hanako))
    page.get_by_label("In this browser").check()
    eventually(lambda: devices(visitors, hanako))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    subscription = "navigator.serviceWorker.ready.then((one) => one.pushManager.getSubscription())"
    eventually(lambda: page.evaluate(subscription) is None)


def devices(visitors: Visitors, someone: Someone) -> list[Any]:
    answer = visitors.chat.cloud.client("dynamodb", HOME).query(
        TableName=visitors.chat.table,
        KeyConditionExpression="pk = :user AND begins_with(sk, :kind)",
        ExpressionAttributeValues={":user": {"S": f"USER#{someone.account.user}"}, ":kind": {"S": "DEVICE#"}},
    )
    return list(answer["Items"])
