"""Search in Chromium: by keyboard, of messages and files of both Regions, and back into the conversation."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.stacks.chat.web.conftest import AWAY, HOME, Visitors, eventually

pytestmark = pytest.mark.browser


def test_messages_are_found_and_shown_in_their_conversation(visitors: Visitors) -> None:
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    room, _ = visitors.room(hanako.account, liam.account)
    other, _ = visitors.room(hanako.account, name="Tea")
    liam.account.post(AWAY, room, "The \u65b0\u5e79\u7dda leaves at NINE").raise_for_status()
    for number in range(45):
        hanako.account.post(HOME, room, f"line {number}").raise_for_status()
    hanako.account.post(HOME, other, "Green tea at nine").raise_for_status()
    eventually(lambda: len(hanako.account.history(HOME, room)) == 46)
    page = hanako.page
    hanako.open(room)
    hanako.sees("line 44")
    # In a text field / is a letter; elsewhere it opens the search.
    page.get_by_role("textbox").press("/")
    expect(page.get_by_role("textbox")).to_have_value("/")
    page.get_by_role("textbox").fill("")
    page.locator(".scroller").focus()
    page.keyboard.press("/")
    words = page.get_by_label("Words")
    expect(words).to_be_focused()
    page.keyboard.press("Enter")
    expect(words).to_have_attribute("aria-invalid", "true")
    page.keyboard.type("nine \u65b0\u5e79")
    page.keyboard.press("Enter")
    result = page.locator(".result")
    expect(result).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="found")).to_have_text("1 found")
    expect(result.locator("strong")).to_have_text("Liam")
    assert sorted(result.locator("mark").all_inner_texts()) == ["NINE", "\u65b0\u5e79"]
    result.click()
    found = page.locator(".message", has_text="NINE")
    expect(found).to_be_focused()
    expect(found).to_be_in_viewport()
    # What came after it is read on from there.
    eventually(lambda: len(hanako.texts()) == 46)
    # In all rooms, by author and day.
    page.keyboard.press("ControlOrMeta+k")
    page.get_by_label("In", exact=True).select_option("All rooms")
    words.fill("nine")
    page.keyboard.press("Enter")
    expect(result).to_have_count(2)
    result.filter(has_text="Green").click()
    expect(page.get_by_role("heading", name="Tea")).to_be_visible()
    expect(page.locator(".message", has_text="Green tea")).to_be_focused()
    page.keyboard.press("ControlOrMeta+k")
    page.get_by_label("By", exact=True).select_option("Hanako")
    page.get_by_label("To", exact=True).fill("2020-01-01")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was found.")).to_be_visible()


def test_files_are_found_opened_and_shown_where_they_were_sent(visitors: Visitors) -> None:
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    room, _ = visitors.room(hanako.account, liam.account)
    encoded = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(encoded, "JPEG")
    liam.open(room)
    file = {"name": "Hanami \u685c.jpg", "mimeType": "image/jpeg", "buffer": encoded.getvalue()}
    liam.page.locator("input[type=file]").set_input_files([file])
    liam.say("Look")
    hanako.open(room)
    hanako.sees("Look")
    page = hanako.page
    expect(page.locator(".attachment-image")).to_be_visible()
    page.get_by_role("button", name="Search in this room").click()
    page.get_by_role("tab", name="Messages").press("ArrowRight")
    expect(page.get_by_role("tab", name="Files")).to_be_focused()
    page.get_by_label("Words").fill("HANAMI")
    page.get_by_label("Type").select_option("Images")

    def searched() -> bool:
        # The index follows the bucket within a second or two.
        page.get_by_role("button", name="Search", exact=True).last.click()
        expect(page.get_by_text("Searching")).to_have_count(0)
        return page.locator(".result").count() == 1

    eventually(searched)
    expect(page.locator(".result strong")).to_have_text("Liam")
    page.get_by_role("button", name="Open Hanami").last.click()
    picture = page.locator("dialog img")
    eventually(lambda: picture.evaluate("image => image.naturalWidth") == 64)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show in the conversation").click()
    expect(page.locator(".message", has_text="Look")).to_be_focused()
