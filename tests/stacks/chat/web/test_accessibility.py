"""What axe finds in each view of the page, in both themes and both languages, without a reload in between."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.stacks.chat.web.conftest import AWAY, HOME, Someone, Visitors

pytestmark = pytest.mark.browser

Violations = Callable[[Page], list[str]]
LOOKS = [(language, theme) for language in ("ja", "en") for theme in ("dark", "light")]


def look(page: Page, language: str, theme: str) -> None:
    """Choose language and theme as another tab would."""
    for key, value in {"chat.language": language, "chat.theme": theme}.items():
        chosen = "localStorage.setItem(key, value); dispatchEvent(new StorageEvent('storage', { key }))"
        page.evaluate(f"([key, value]) => {{ {chosen} }}", [key, value])
    expect(page.locator(f"html[lang={language}][data-theme={theme}]")).to_have_count(1)


def signing_in(visitors: Visitors) -> Iterator[tuple[str, Someone]]:
    newcomer = visitors.browser_of(*visitors.account("New"), HOME, signed_in=False, reduced_motion="reduce")
    page = newcomer.page
    newcomer.go()
    page.get_by_label("E-mail address").fill("new@example.com")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    yield "a refused sign-in", newcomer
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Password", exact=True).fill("Some1")
    page.get_by_role("button", name="Create an account").click()
    yield "a sign-up with what its password lacks", newcomer


def in_the_rooms(visitors: Visitors) -> Iterator[tuple[str, Someone]]:
    hanako, liam = visitors.person("Hanako", HOME, reduced_motion="reduce"), visitors.person("Liam", AWAY)
    page = hanako.page
    room, _ = visitors.room(hanako.account, liam.account)
    visitors.room(hanako.account, name="Tea")
    for text in ("One https://example.com/", "Two"):
        liam.account.post(AWAY, room, text).raise_for_status()
    hanako.go()
    expect(page.get_by_role("link", name="Hanami")).to_contain_text("2 unread")
    yield "the list of rooms", hanako
    hanako.open(room)
    hanako.sees("Two")
    hanako.say("Three")
    expect(page.locator(".message.mine:not(.outgoing)")).to_have_count(1)
    yield "a conversation", hanako
    page.context.set_offline(True)
    hanako.say("Four")
    expect(page.locator(".outgoing")).to_be_visible()
    expect(page.locator(".banner")).to_be_visible()
    yield "a conversation without a network", hanako
    page.context.set_offline(False)
    expect(page.locator(".banner")).to_be_hidden()
    page.keyboard.press("ControlOrMeta+k")
    page.get_by_label("Words").fill("one")
    page.keyboard.press("Enter")
    expect(page.locator(".result")).to_have_count(1)
    yield "a search with what it has found", hanako
    page.keyboard.press("Escape")
    for button in ("Settings", "Invite people", "2 people", "Leave the room", "New room"):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        yield f"the dialog {button}", hanako
        page.keyboard.press("Escape")
    page.set_viewport_size({"width": 390, "height": 780})
    yield "a conversation on a phone", hanako
    page.get_by_role("button", name="Back to the rooms").click()
    expect(page.get_by_role("link", name="Tea")).to_be_visible()
    yield "the list of rooms on a phone", hanako
    hanako.go("/rooms/no-such-room")
    expect(page.get_by_role("heading", name="This room is not open to you")).to_be_visible()
    yield "a room that is not open, on a phone", hanako


@pytest.mark.parametrize(("views", "count"), [(signing_in, 2), (in_the_rooms, 12)], ids=["signed out", "signed in"])
def test_axe_finds_nothing_in_any_view(
    visitors: Visitors,
    violations: Violations,
    views: Callable[[Visitors], Iterator[tuple[str, Someone]]],
    count: int,
) -> None:
    seen, found = [], []
    for view, someone in views(visitors):
        seen.append(view)
        # The last look is the one in which the next view is opened.
        for language, theme in LOOKS:
            look(someone.page, language, theme)
            found += [f"{view}, {language}, {theme}: {problem}" for problem in violations(someone.page)]
    assert found == []
    assert len(seen) == count
