"""Messages that are edited, deleted, answered, reacted to and linked to, by two people in two Regions."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.stacks.chat.web.conftest import AWAY, HOME, Someone, Visitors, eventually

pytestmark = pytest.mark.browser

Violations = Callable[[Page], list[str]]


def message(someone: Someone, text: str) -> Locator:
    return someone.page.locator(".message[data-id]", has_text=text)


def menu(someone: Someone, text: str) -> Locator:
    """Open the menu of a message by mouse."""
    of = message(someone, text)
    of.hover()
    of.locator(".message-menu > button").click()
    return someone.page.get_by_role("menu")


def names(opened: Locator) -> list[str]:
    return opened.get_by_role("menuitem").locator("span:not(.key)").all_inner_texts()


def test_a_message_is_edited_reacted_to_and_deleted_by_mouse(two: tuple[Someone, Someone, str]) -> None:
    hanako, liam, _ = two
    hanako.say("Gate tree")
    liam.sees("Gate tree")
    # Others react and answer; the author edits too, and the creator of the room deletes.
    assert names(menu(liam, "Gate tree")) == ["Reply", "Copy the link"]
    liam.page.get_by_role("menuitemradio", name="React with 🎉").click()
    expect(message(hanako, "Gate tree").locator(".reactions")).to_have_text("🎉 1")
    opened = menu(hanako, "Gate tree")
    assert names(opened) == ["Reply", "Edit", "Copy the link", "Delete"]
    opened.get_by_role("menuitem", name="Edit").click()
    hanako.page.get_by_role("textbox", name="New text of the message").fill("Gate three")
    hanako.page.keyboard.press("Enter")
    for someone in (hanako, liam):
        edited = message(someone, "Gate three")
        expect(edited.locator(".message-meta")).to_contain_text("edited")
        expect(edited.locator(".reactions")).to_have_text("🎉 1")
    # Who reacted is said, and a click on the reaction joins in.
    reaction = message(hanako, "Gate three").get_by_role("button", name="🎉 1: Liam")
    expect(reaction).to_have_attribute("aria-pressed", "false")
    reaction.click()
    expect(message(liam, "Gate three").locator(".reactions")).to_have_text("🎉 2")
    menu(hanako, "Gate three").get_by_role("menuitem", name="Delete").click()
    hanako.page.get_by_role("dialog").get_by_role("button", name="Cancel", exact=True).or_(
        hanako.page.get_by_role("dialog").get_by_role("button", name="Close")
    ).first.click()
    expect(message(liam, "Gate three")).to_have_count(1)
    menu(hanako, "Gate three").get_by_role("menuitem", name="Delete").click()
    hanako.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for someone in (hanako, liam):
        expect(message(someone, "This message was deleted.")).to_have_count(1)
        expect(message(someone, "Gate three")).to_have_count(0)
        expect(someone.page.locator(".reactions")).to_have_count(0)


def test_everything_is_done_by_keyboard(two: tuple[Someone, Someone, str]) -> None:
    hanako, liam, _ = two
    for number in range(3):
        hanako.say(f"Line {number}")
        liam.sees(f"Line {number}")
    keyboard = hanako.page.keyboard
    # From the composer backwards the tab key reaches one message: its menu button, then the message itself.
    hanako.page.get_by_role("textbox").focus()
    last = message(hanako, "Line 2")
    for _ in range(6):
        keyboard.press("Shift+Tab")
        if last.evaluate("one => one === document.activeElement"):
            break
    expect(last).to_be_focused()
    assert hanako.page.locator(".message[tabindex='0']").count() == 1
    keyboard.press("ArrowUp")
    expect(message(hanako, "Line 1")).to_be_focused()
    keyboard.press("e")
    keyboard.type(", corrected")
    keyboard.press("Enter")
    liam.sees("Line 1, corrected")
    expect(message(hanako, "Line 1, corrected")).to_be_focused()
    # Escape leaves the text as it was.
    keyboard.press("e")
    keyboard.type(" or not")
    keyboard.press("Escape")
    expect(message(hanako, "Line 1, corrected")).to_be_focused()
    keyboard.press("1")
    expect(message(liam, "Line 1, corrected").locator(".reactions")).to_have_text("👍 1")
    keyboard.press("Home")
    expect(message(hanako, "Line 0")).to_be_focused()
    keyboard.press("Enter")
    expect(hanako.page.get_by_role("menuitemradio").first).to_be_focused()
    keyboard.press("Escape")
    expect(message(hanako, "Line 0")).to_be_focused()
    keyboard.press("Enter")
    keyboard.press("End")
    expect(hanako.page.get_by_role("menuitem", name="Delete")).to_be_focused()
    keyboard.press("Enter")
    hanako.page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    expect(message(liam, "This message was deleted.")).to_have_count(1)
    message(hanako, "Line 2").focus()
    keyboard.press("r")
    expect(hanako.page.locator(".answering")).to_contain_text("Line 2")
    keyboard.type("And one more")
    keyboard.press("Enter")
    answer = message(liam, "And one more")
    expect(answer.get_by_role("button", name="In reply to Hanako Line 2")).to_be_visible()


def test_an_answer_follows_what_becomes_of_its_question(two: tuple[Someone, Someone, str]) -> None:
    hanako, liam, _ = two
    hanako.say("When?")
    menu(liam, "When?").get_by_role("menuitem", name="Reply").click()
    liam.say("At noon")
    hanako.sees("At noon")
    question = hanako.page.locator(".message[data-id]").first
    question.focus()
    hanako.page.keyboard.press("e")
    hanako.page.get_by_role("textbox", name="New text of the message").fill("When exactly?")
    hanako.page.keyboard.press("Enter")
    quote = message(liam, "At noon").locator(".quote")
    expect(quote).to_contain_text("When exactly?")
    quote.click()
    expect(liam.page.locator(".message.marked")).to_contain_text("When exactly?")
    question.focus()
    hanako.page.keyboard.press("Delete")
    hanako.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(quote).to_contain_text("This message was deleted.")


def test_what_is_done_offline_is_stored_later_and_both_sides_agree(two: tuple[Someone, Someone, str]) -> None:
    hanako, liam, room = two
    liam.say("First draft")
    hanako.sees("First draft")
    liam.page.context.set_offline(True)
    expect(liam.page.locator(".banner")).to_contain_text("You are offline")
    message(liam, "First draft").focus()
    liam.page.keyboard.press("e")
    liam.page.get_by_role("textbox", name="New text of the message").fill("Second draft")
    liam.page.keyboard.press("Enter")
    expect(message(liam, "Second draft").locator(".message-meta")).to_contain_text("Waiting for the network")
    message(liam, "Second draft").focus()
    liam.page.keyboard.press("2")
    hanako.page.locator(".message[data-id]").first.focus()
    hanako.page.keyboard.press("1")
    expect(message(hanako, "First draft").locator(".reactions")).to_have_text("👍 1")
    liam.page.context.set_offline(False)
    for someone in (hanako, liam):
        shown = message(someone, "Second draft")
        expect(shown).to_have_count(1)
        eventually(lambda shown=shown: sorted(shown.locator(".reactions button").all_inner_texts()) == ["❤️ 1", "👍 1"])
        expect(shown.locator(".message-meta")).not_to_contain_text("Waiting")
    (stored,) = hanako.account.history(HOME, room)
    assert stored["text"] == "Second draft"


def test_a_link_opens_the_room_at_its_message_however_old(visitors: Visitors) -> None:
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    room, _ = visitors.room(hanako.account, liam.account)
    path = f"/rooms/{room}/messages"
    posted = [
        hanako.account.call(HOME, "POST", path, json={"client_message_id": str(uuid4()), "text": f"Line {number:03}"})
        .raise_for_status()
        .json()
        for number in range(110)
    ]
    eventually(lambda: liam.account.call(AWAY, "GET", f"{path}/{posted[-1]['id']}").is_success)
    liam.open(room)
    expect(message(liam, "Line 109")).to_have_count(1)
    message(liam, "Line 109").focus()
    liam.page.keyboard.press("l")
    expect(liam.page.locator(".toasts")).to_contain_text("Link copied")
    assert liam.page.evaluate("navigator.clipboard.readText()") == f"{liam.site}{path}/{posted[109]['id']}"
    liam.go(f"{path}/{posted[5]['id']}")
    target = message(liam, "Line 005")
    expect(target).to_be_focused()
    expect(target).to_be_in_viewport()
    # What is between is left out until it is asked for; nothing is doubled.
    expect(message(liam, "Line 045")).to_have_count(0)
    while (more := liam.page.get_by_role("button", name="Show the messages in between")).count():
        more.click()
        eventually(lambda: liam.page.locator(".gap [aria-busy=true]").count() == 0)
    everything = [f"Line {number:03}" for number in range(110)]
    eventually(lambda: liam.texts() == everything)
    liam.go(f"{path}/0198c5d2-0000-7000-8000-000000000000")
    expect(liam.page.locator(".toasts")).to_contain_text("This message is not available.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_at_messages_that_were_changed(
    visitors: Visitors, violations: Violations, theme: str
) -> None:
    hanako = visitors.person("Hanako", HOME, color_scheme=theme)
    room, _ = visitors.room(hanako.account)
    hanako.open(room)
    for text in ("One", "Two", "Three"):
        hanako.say(text)
        expect(message(hanako, text)).to_have_count(1)
    keyboard = hanako.page.keyboard
    message(hanako, "One").focus()
    keyboard.press("1")
    keyboard.press("r")
    hanako.say("An answer")
    expect(message(hanako, "An answer")).to_have_count(1)
    message(hanako, "Two").focus()
    keyboard.press("Delete")
    assert violations(hanako.page) == [], "the question before a deletion"
    hanako.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(hanako.page.locator(".bubble.deleted")).to_have_count(1)
    message(hanako, "Three").focus()
    keyboard.press("Enter")
    expect(hanako.page.get_by_role("menu")).to_be_visible()
    assert violations(hanako.page) == [], "an open menu"
    keyboard.press("Escape")
    keyboard.press("e")
    assert violations(hanako.page) == [], "a message that is edited"
    keyboard.press("Escape")
    keyboard.press("r")
    expect(hanako.page.locator(".answering")).to_be_visible()
    assert violations(hanako.page) == [], "an answer"
