"""Sessions, members and accounts in Chromium: what signing out leaves behind, who is let in, and who is deleted."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.stacks.chat.web.conftest import AWAY, HOME, PATIENCE, Someone, Visitors, eventually

pytestmark = pytest.mark.browser

Violations = Callable[[Page], list[str]]

COGNITO = re.compile(r"//cognito-idp\.")
KEPT = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)].filter(key => key.startsWith('chat.')).sort()"
REFRESH_TOKEN = "JSON.parse(localStorage.getItem('chat.account')).refreshToken"


def operation(request: Request) -> str:
    """Return what a request asks Cognito to do, or an empty string."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2]


def is_good(visitors: Visitors, refresh_token: str) -> bool:
    """Whether Cognito still renews a session; the renewal uses the token up."""
    cognito = visitors.chat.cloud.client("cognito-idp", region=HOME)
    try:
        cognito.get_tokens_from_refresh_token(ClientId=visitors.chat.user_pool[1], RefreshToken=refresh_token)
    except cognito.exceptions.NotAuthorizedException:
        return False
    return True


def another_tab(someone: Someone, path: str = "/") -> Page:
    page = someone.page.context.new_page()
    page.on("pageerror", lambda error: someone.problems.append(str(error)))
    page.goto(someone.url(path))
    return page


def test_signing_out_leaves_nothing_for_the_next_person(visitors: Visitors) -> None:
    hanako = visitors.person("Hanako", HOME)
    room, code = visitors.room(hanako.account)
    page = hanako.page
    hanako.go(f"/rooms/{room}#invite={code}")
    page.evaluate(f"localStorage.setItem('chat.invite.{room}', '{code}'); localStorage.setItem('chat.theme', 'dark')")
    page.get_by_role("textbox").fill("Half a sentence")
    other = another_tab(hanako, f"/rooms/{room}")
    other.get_by_role("textbox").fill("And another")
    assert f"chat.invite.{room}" in page.evaluate(KEPT)
    token = page.evaluate(REFRESH_TOKEN)
    # The network fails at this moment: the browser forgets everything all the same.
    revocations: list[str] = []

    def fail_once(route: Route) -> None:
        if operation(route.request) != "RevokeToken":
            route.continue_()
            return
        revocations.append(route.request.post_data or "")
        if len(revocations) == 1:
            route.abort()
        else:
            route.continue_()

    page.route(COGNITO, fail_once)
    page.get_by_role("button", name="Settings").click()
    # While the page is open, it goes on ending the session.
    with page.expect_response(lambda answer: operation(answer.request) == "RevokeToken", timeout=PATIENCE * 1000):
        page.get_by_role("button", name="Sign out").click()
        for tab in (page, other):
            expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
            eventually(lambda tab=tab: tab.evaluate(KEPT) == ["chat.theme"])
    assert len(revocations) == 2
    assert not is_good(visitors, token)
    other.reload()
    # The test's own script signs in again at each load of a page; it has no invite code and no draft.
    assert f"chat.invite.{room}" not in other.evaluate(KEPT)


def test_two_tabs_renew_one_session_once(visitors: Visitors) -> None:
    hanako = visitors.person("Hanako", HOME)
    hanako.go()
    expect(hanako.page.get_by_role("heading", name="Welcome, Hanako")).to_be_visible()
    # No page runs while the time of the access token is made to be over.
    tabs = (hanako.page, another_tab(hanako, "/config.json"))
    hanako.go("/config.json")
    before = hanako.page.evaluate(REFRESH_TOKEN)
    hanako.page.evaluate(
        "localStorage.setItem('chat.account',"
        " JSON.stringify({...JSON.parse(localStorage.getItem('chat.account')), expiresAt: 0}))"
    )
    asked: list[str] = []
    hanako.page.context.on("request", lambda request: asked.append(operation(request)))
    for tab in tabs:
        tab.evaluate(f"setTimeout(() => location.assign({hanako.url('/')!r}))")
    for tab in tabs:
        expect(tab.get_by_role("heading", name="Welcome, Hanako")).to_be_visible()
        expect(tab.locator(".profile-region")).to_be_visible()
    assert asked.count("GetTokensFromRefreshToken") == 1
    for tab in tabs:
        assert tab.evaluate(REFRESH_TOKEN) != before


def test_the_creator_changes_the_invite_and_removes_a_member(visitors: Visitors, violations: Violations) -> None:
    hanako, liam, mei = (visitors.person(*one) for one in (("Hanako", HOME), ("Liam", AWAY), ("Mei", HOME)))
    room, old = visitors.room(hanako.account, liam.account)
    hanako.open(room)
    liam.open(room)
    page = hanako.page
    page.emulate_media(reduced_motion="reduce")
    # A new link, also where the first one is not kept.
    page.get_by_role("button", name="Invite people").click()
    expect(page.get_by_role("dialog")).to_contain_text("not kept on this device")
    page.get_by_role("button", name="Make a new link").click()
    link = page.get_by_label("Invite link")
    expect(link).to_be_visible()
    expect(page.locator(".toasts")).to_contain_text("The old link does not work any more.")
    assert violations(page) == []
    first = link.input_value()
    page.get_by_role("button", name="Make a new link").click()
    expect(link).not_to_have_value(first)
    second = link.input_value()
    page.keyboard.press("Escape")
    for code, works in ((old, False), (first.rpartition("=")[2], False)):
        mei.go(f"/rooms/{room}#invite={code}")
        mei.page.get_by_role("button", name="Join", exact=True).click()
        expect(mei.page.get_by_role("alert")).to_contain_text("does not fit")
        assert not works
        mei.go()
    mei.go(second.removeprefix(mei.site))
    mei.page.get_by_role("button", name="Join", exact=True).click()
    expect(mei.page.get_by_role("textbox")).to_be_visible()
    # Who is removed sees that the room is gone, and has no link back.
    page.locator(".people").click()
    assert violations(page) == []
    page.get_by_role("button", name="Remove Liam").click()
    expect(page.get_by_role("heading", name="Remove Liam from “Hanami”?")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("button", name="Remove Liam")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".people")).to_contain_text("2 people")
    expect(liam.page.get_by_role("heading", name="This room is not open to you")).to_be_visible()
    expect(liam.page.get_by_role("link", name="Hanami")).to_have_count(0)
    liam.go(second.removeprefix(liam.site))
    liam.page.get_by_role("button", name="Join", exact=True).click()
    expect(liam.page.get_by_role("alert")).to_contain_text("does not fit")
    hanako.say("Only the two of us")
    mei.sees("Only the two of us")
    # A member who did not make the room has neither button.
    mei.page.get_by_role("button", name="Invite people").click()
    expect(mei.page.get_by_role("dialog")).to_be_visible()
    expect(mei.page.get_by_role("button", name="Make a new link")).to_have_count(0)
    mei.page.keyboard.press("Escape")
    mei.page.locator(".people").click()
    expect(mei.page.get_by_role("dialog")).to_contain_text("Hanako")
    expect(mei.page.get_by_role("button", name=re.compile("^Remove"))).to_have_count(0)


def test_an_account_is_deleted_after_its_address_was_typed(visitors: Visitors, violations: Violations) -> None:
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    room, _ = visitors.room(liam.account, hanako.account)
    hanako.open(room)
    hanako.say("Remember me")
    liam.open(room)
    liam.sees("Remember me")
    page = hanako.page
    page.emulate_media(reduced_motion="reduce")
    token = page.evaluate(REFRESH_TOKEN)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Delete the account").click()
    confirmation = page.get_by_role("dialog", name="Delete your account?")
    expect(confirmation).to_be_visible()
    assert violations(page) == []
    confirmation.get_by_role("textbox").fill("somebody@example.com")
    page.keyboard.press("Enter")
    expect(confirmation).to_contain_text("This is not the address of your account.")
    confirmation.get_by_role("textbox").fill(hanako.email.upper())
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your account is deleted.")).to_be_visible()
    assert page.evaluate(KEPT) == []
    assert not is_good(visitors, token)
    expect(liam.page.locator(".people")).to_contain_text("1 person")
    liam.sees("Remember me")


def _refused(route: Route, seconds: int) -> dict[str, str]:
    """Return the headers of a refusal, as the API of a Region allows the page's origin to read them."""
    origin = {"Access-Control-Allow-Origin": route.request.headers["origin"]}
    return {"Retry-After": str(seconds), "Access-Control-Expose-Headers": "retry-after", **origin}


def test_who_does_too_much_is_told_how_long_to_wait(visitors: Visitors) -> None:
    hanako = visitors.person("Hanako", HOME)
    room, _ = visitors.room(hanako.account)
    hanako.open(room)
    refusals: list[str] = []

    def refuse_once(route: Route) -> None:
        if route.request.method == "POST" and not refusals:
            refusals.append(route.request.url)
            route.fulfill(status=429, headers=_refused(route, 4), json={"message": "too many messages"})
        else:
            route.continue_()

    hanako.page.route("**/messages", refuse_once)
    hanako.say("Said in haste")
    expect(hanako.page.locator(".outgoing")).to_contain_text("Too many at once: sent in 4 seconds.")
    hanako.sees("Said in haste")
    eventually(hanako.settled)
    assert len(refusals) == 1
    hanako.page.route(
        "**/rooms",
        lambda route: route.fulfill(status=429, headers=_refused(route, 7), json={"message": "too many rooms"}),
    )
    hanako.page.get_by_role("button", name="New room").click()
    hanako.page.get_by_label("Name of the room").fill("One too many")
    hanako.page.keyboard.press("Enter")
    expect(hanako.page.get_by_role("alert")).to_have_text("That was a lot at once. Try again in 7 seconds.")
