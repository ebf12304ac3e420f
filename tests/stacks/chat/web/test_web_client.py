"""The web client in Chromium, against the templates that go to AWS: nothing is simulated but AWS itself."""

import io
import re
from itertools import count
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Locator, Route, expect

from tests.stacks.chat.web.conftest import AWAY, HOME, PASSWORD, Someone, Visitors, eventually

pytestmark = pytest.mark.browser


def picture() -> bytes:
    encoded = io.BytesIO()
    Image.radial_gradient("L").resize((900, 600)).convert("RGB").save(encoded, "JPEG")
    return encoded.getvalue()


def test_two_regions_talk_live(two: tuple[Someone, Someone, str]) -> None:
    hanako, liam, _ = two
    expect(hanako.page.locator(".profile-region")).to_contain_text(HOME)
    expect(liam.page.locator(".profile-region")).to_contain_text(AWAY)
    expect(hanako.page.locator(".people")).to_contain_text("2 online")
    liam.page.get_by_role("textbox").press_sequentially("Which gate?")
    expect(hanako.page.locator(".typing")).to_have_text("Liam is typing…")
    liam.page.keyboard.press("Enter")
    hanako.sees("Which gate?")
    expect(hanako.page.locator(".typing")).to_have_text("")
    for number in range(3):
        hanako.say(f"South {number}")
        liam.say(f"North {number}")
    eventually(lambda: hanako.texts() == liam.texts() and len(liam.texts()) == 7)
    # A screen reader hears what others say.
    expect(liam.page.locator("body > [role=log]")).to_contain_text("Hanako: South")


def test_who_was_offline_catches_up_and_sends_once(two: tuple[Someone, Someone, str]) -> None:
    hanako, liam, room = two
    liam.page.context.set_offline(True)
    expect(liam.page.locator(".banner")).to_contain_text("You are offline")
    expect(liam.page.locator(".people")).to_have_text("2 people · you are offline")
    expect(liam.page.locator(".profile-region")).to_have_text("you are offline")
    for number in range(3):
        hanako.say(f"Missed {number}")
    for number in range(2):
        liam.say(f"Queued {number}")
    hanako.sees("Missed 2")
    expect(liam.page.locator(".outgoing")).to_have_count(2)
    expect(liam.page.locator(".outgoing").first).to_contain_text("Waiting for the network")
    liam.page.context.set_offline(False)
    expect(liam.page.locator(".banner")).to_be_hidden()
    expect(liam.page.locator(".people")).to_contain_text("online")
    everything = {f"Missed {number}" for number in range(3)} | {f"Queued {number}" for number in range(2)}
    for someone in (hanako, liam):
        eventually(lambda someone=someone: set(someone.texts()) == everything and someone.settled())
    assert len(hanako.texts()) == len(everything)
    assert hanako.texts() == liam.texts()
    history = hanako.account.history(HOME, room)
    assert sorted(message["text"] for message in history) == sorted(everything)
    # The files of the page are in its own memory only; a reload while connected reads the same conversation.
    liam.page.reload()
    eventually(lambda: liam.texts() == hanako.texts())


def test_a_lost_connection_is_made_again_and_the_gap_read(visitors: Visitors) -> None:
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    liam.page.add_init_script(
        "window.sockets = []; window.WebSocket = class extends WebSocket {"
        " constructor(url, names) {"
        "  super(window.cut ? 'ws://127.0.0.1:9' : url, names); window.sockets.push(this); } }"
    )
    room, _ = visitors.room(hanako.account, liam.account)
    hanako.open(room)
    liam.open(room)
    hanako.say("Before")
    liam.sees("Before")
    liam.page.evaluate("window.cut = true; for (const socket of window.sockets) socket.close()")
    hanako.say("Meanwhile 1")
    hanako.say("Meanwhile 2")
    hanako.sees("Meanwhile 2")
    expect(liam.page.locator(".banner")).to_contain_text("Reconnecting")
    # The HTTP API still works: what is said without the live channel arrives too.
    liam.say("I am here")
    hanako.sees("I am here")
    liam.page.evaluate("window.cut = false")
    liam.page.get_by_role("button", name="Try now").click()
    expect(liam.page.locator(".banner")).to_be_hidden()
    eventually(lambda: liam.texts() == hanako.texts() and len(liam.texts()) == 4)
    hanako.say("After")
    liam.sees("After")
    # The refused address is this test's own.
    liam.problems.clear()


def test_another_region_takes_over(two: tuple[Someone, Someone, str]) -> None:
    hanako, liam, room = two
    tries: list[str] = []

    def refuse(route) -> None:  # noqa: ANN001
        tries.append(route.request.method)
        route.abort()

    hanako.page.route(re.compile(rf"\.execute-api\.{HOME}\."), refuse)
    hanako.say("Through the other Region")
    liam.sees("Through the other Region")
    expect(hanako.page.locator(".toasts")).to_contain_text(AWAY)
    # A heartbeat may have found the way before the message did.
    assert tries
    [message] = hanako.account.history(AWAY, room)
    assert message["region"] == AWAY


def test_an_image_goes_from_one_region_to_the_other(two: tuple[Someone, Someone, str]) -> None:
    hanako, liam, _ = two
    file = {"name": "hanami.jpg", "mimeType": "image/jpeg", "buffer": picture()}
    hanako.page.locator("input[type=file]").set_input_files([file])
    expect(hanako.page.locator(".attached img")).to_be_visible()
    hanako.say("Look")
    for someone in (hanako, liam):
        preview = someone.page.locator(".attachment-image[data-variant=thumbnail] img")
        expect(preview).to_be_visible()
        eventually(lambda preview=preview: preview.evaluate("image => image.naturalWidth"))
        assert 0 < preview.evaluate("image => image.naturalWidth") <= 320
    liam.page.get_by_role("button", name="Open hanami.jpg").click()
    whole = liam.page.locator("dialog img")
    eventually(lambda: whole.evaluate("image => image.naturalWidth") == 900)
    liam.page.keyboard.press("Escape")
    expect(liam.page.get_by_role("button", name="Open hanami.jpg")).to_be_focused()
    # What may not be sent is said before anything is uploaded.
    wrong = {"name": "tool.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}
    hanako.page.locator("input[type=file]").set_input_files([wrong])
    expect(hanako.page.locator(".toasts")).to_contain_text("tool.exe: only")


def test_a_stranger_is_refused_until_invited_and_after_leaving(visitors: Visitors) -> None:
    hanako, mei = visitors.person("Hanako", HOME), visitors.person("Mei", AWAY)
    room, _ = visitors.room(hanako.account, name="Secret garden")
    hanako.account.post(HOME, room, "The key is under the stone")
    mei.go(f"/rooms/{room}")
    expect(mei.page.get_by_role("heading", name="This room is not open to you")).to_be_focused()
    body = mei.page.locator("body")
    assert "garden" not in body.inner_text()
    assert "stone" not in body.inner_text()
    mei.page.get_by_label("Invite code").fill("a-guess")
    mei.page.get_by_role("button", name="Join", exact=True).click()
    expect(mei.page.get_by_role("alert")).to_contain_text("does not fit")
    # An invite from the page: made in one browser, opened in the other.
    made = hanako.account.call(HOME, "POST", "/rooms", json={"name": "Open garden"}).json()
    hanako.page.add_init_script(f"localStorage.setItem('chat.invite.{made['room']}', '{made['invite_code']}')")
    hanako.open(made["room"])
    hanako.page.get_by_role("button", name="Invite people").click()
    link = hanako.page.get_by_label("Invite link").input_value()
    assert link == f"{hanako.site}/rooms/{made['room']}#invite={made['invite_code']}"
    mei.go(link.removeprefix(mei.site))
    mei.page.get_by_role("button", name="Join", exact=True).click()
    expect(mei.page.get_by_role("textbox")).to_be_visible()
    expect(mei.page).to_have_url(mei.url(f"/rooms/{made['room']}"))
    mei.say("Here I am")
    hanako.sees("Here I am")
    mei.page.get_by_role("button", name="Leave the room").click()
    mei.page.get_by_role("dialog").get_by_role("button", name="Leave the room").click()
    expect(mei.page.get_by_role("heading", name="Welcome")).to_be_visible()
    mei.go(f"/rooms/{made['room']}")
    expect(mei.page.get_by_role("heading", name="This room is not open to you")).to_be_visible()


def test_signing_up_by_form_with_the_keyboard_only(visitors: Visitors) -> None:  # noqa: PLR0915 - one way, step by step
    """From nothing to a message without touching a mouse."""
    account, email = visitors.account("Nobody")
    newcomer = visitors.browser_of(account, email, HOME, signed_in=False)
    page = newcomer.page
    newcomer.go()
    expect(page.get_by_label("E-mail address")).to_be_focused()

    def tab_to(name: str, *, backwards: bool = False) -> None:
        for _ in range(25):
            here = "(document.activeElement.ariaLabel || document.activeElement.innerText || '').trim()"
            if page.evaluate(here) == name:
                return
            page.keyboard.press("Shift+Tab" if backwards else "Tab")
        pytest.fail(f"the keyboard does not reach {name!r}")

    # A wrong password is refused in words, and the same for an account that does not exist.
    page.keyboard.type(f"{uuid4().hex}@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    wrong = "The address or the password is wrong."
    expect(page.get_by_role("alert")).to_have_text(wrong)
    password = page.get_by_label("Password", exact=True)
    expect(password).to_be_focused()
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(password).to_have_accessible_description(wrong)
    page.keyboard.type("another")
    expect(password).not_to_have_attribute("aria-invalid", "true")
    tab_to("Create an account")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.type("Priya")
    page.keyboard.press("Tab")
    page.keyboard.press("ControlOrMeta+a")
    address = f"priya-{uuid4().hex}@example.com"
    page.keyboard.type(address)
    page.keyboard.press("Tab")
    page.keyboard.type("short")
    page.keyboard.press("Enter")
    expect(page.locator(".field-error").filter(has_text="rules")).to_be_visible()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(PASSWORD)
    expect(page.locator(".rules .met")).to_have_count(5)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This code is wrong.")
    expect(page.get_by_label("Code", exact=True)).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(visitors.code_for(address))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Welcome, Priya")).to_be_visible()
    tab_to("New room")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name of the room")).to_be_focused()
    page.keyboard.type("Release 2026.4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Message to Release 2026.4")).to_be_focused()
    page.keyboard.type("First")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    expect(page.locator(".message:not(.outgoing) .message-text")).to_have_text("First\nsecond line")
    tab_to("Invite people", backwards=True)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Invite link")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Invite people")).to_be_focused()
    # The session outlasts a reload, and the skip link is the first stop.
    page.reload()
    expect(page.get_by_role("textbox")).to_be_visible()
    newcomer.go()
    expect(page.get_by_role("heading", name="Welcome, Priya")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the conversation")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Conversation")).to_be_focused()


def test_history_is_read_backwards_and_the_place_kept(visitors: Visitors) -> None:
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    room, _ = visitors.room(hanako.account, liam.account)
    for number in range(65):
        hanako.account.post(HOME, room, f"line {number}").raise_for_status()
    eventually(lambda: len(liam.account.history(AWAY, room)) == 65)
    liam.open(room)
    liam.sees("line 64")
    expect(line_of(liam, 64)).to_be_in_viewport()
    assert len(liam.texts()) < 65
    liam.page.locator(".scroller").evaluate("list => list.scrollTo(0, 0)")
    eventually(lambda: len(liam.texts()) == 65)
    assert liam.texts() == [f"line {number}" for number in range(65)]
    # What was read is still on the screen, and what comes in meanwhile does not move it.
    expect(line_of(liam, 64)).not_to_be_in_viewport()
    hanako.account.post(HOME, room, "line 65").raise_for_status()
    jump = liam.page.get_by_role("button", name="1 new")
    expect(jump).to_be_visible()
    jump.click()
    expect(line_of(liam, 65)).to_be_in_viewport()
    eventually(lambda: unread_of(liam, room) == 0)
    # So it does when something is drawn before the browser tells that somebody scrolls.
    scroll_and_draw = "list => { list.scrollTo(0, 0); window.dispatchEvent(new Event('offline')); }"
    liam.page.locator(".scroller").evaluate(scroll_and_draw)
    expect(line_of(liam, 65)).not_to_be_in_viewport()


def line_of(someone: Someone, number: int) -> Locator:
    """The message with exactly this text: "line 6" stands beside a time, and a part of "line 64"."""
    return someone.page.locator(".message").filter(has=someone.page.get_by_text(f"line {number}", exact=True))


def unread_of(someone: Someone, room: str) -> int:
    rooms = someone.account.call(someone.region, "GET", "/rooms").json()["rooms"]
    return int(next(one["unread"] for one in rooms if one["room"] == room))


def test_unread_messages_are_counted_and_the_new_ones_marked(visitors: Visitors) -> None:
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    first, _ = visitors.room(hanako.account, liam.account, name="First")
    second, _ = visitors.room(hanako.account, liam.account, name="Second")
    liam.open(first)
    link = liam.page.get_by_role("link", name="Second")
    expect(link).to_be_visible()
    hanako.account.post(HOME, second, "one").raise_for_status()
    hanako.account.post(HOME, second, "two").raise_for_status()
    expect(link).to_contain_text("2 unread")
    expect(liam.page).to_have_title("(2) First – Chat")  # noqa: RUF001
    link.click()
    liam.sees("two")
    expect(liam.page.locator(".new")).to_have_text("New")
    expect(liam.page).to_have_title("Second – Chat")  # noqa: RUF001
    eventually(lambda: unread_of(liam, second) == 0)
    liam.page.go_back()
    expect(liam.page.get_by_role("heading", name="First")).to_be_visible()


def test_what_was_said_before_a_room_was_followed_is_counted(visitors: Visitors) -> None:
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    first, _ = visitors.room(hanako.account, liam.account, name="First")
    second, _ = visitors.room(hanako.account, liam.account, name="Second")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    # Without its channel it is not followed; the list is read at the beginning, and when the connection is there.
    liam.page.route(re.compile(rf"/rooms/{second}$"), hold)
    lists = count(1)
    with liam.page.expect_response(lambda one: "/rooms?" in one.url and next(lists) == 2):
        liam.open(first)
    hanako.account.post(HOME, second, "one").raise_for_status()
    eventually(lambda: unread_of(liam, second) == 1)
    link = liam.page.get_by_role("link", name="Second")
    expect(link).not_to_contain_text("unread")
    for route in held:
        route.continue_()
    # Each minute the list is read in any case.
    expect(link).to_contain_text("1 unread", timeout=20_000)


def test_japanese_by_the_browser_and_english_by_choice(visitors: Visitors) -> None:
    hanako = visitors.person("花子", HOME, locale="ja-JP")
    page = hanako.page
    hanako.go()
    expect(page.get_by_role("heading", name="ようこそ、花子さん")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "ja"
    room, _ = visitors.room(hanako.account, name="花見")
    hanako.open(room)
    # Enter that ends a conversion sends nothing.
    box = page.get_by_role("textbox", name="花見 へのメッセージ")
    box.fill("桜")
    box.evaluate(
        "box => box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))"
    )
    expect(page.locator(".message")).to_have_count(0)
    box.press("Enter")
    hanako.sees("桜")
    page.get_by_role("button", name="設定").click()
    page.get_by_label("言語").select_option("English")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("button", name="Settings")).to_be_visible()
    page.reload()
    expect(page.get_by_role("textbox", name="Message to 花見")).to_be_visible()
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_role("button", name="日本語").click()
    expect(page.get_by_role("heading", name="サインイン")).to_be_visible()


def test_notices_are_each_persons_own_choice(visitors: Visitors) -> None:
    hanako = visitors.person("Hanako", HOME)
    page = hanako.page
    hanako.go()
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("By mail").check()
    page.get_by_label("At most one for a room every").select_option("1 hour")
    page.get_by_label("Your name").fill("Hanako S.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toasts")).to_contain_text("Saved")
    expect(page.get_by_role("heading", name="Welcome, Hanako S.")).to_be_visible()
    chosen = hanako.account.call(HOME, "GET", "/me/notifications").raise_for_status().json()
    assert (chosen["mail"], chosen["quiet_minutes"], chosen["language"]) == (True, 60, "en")
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("By mail")).to_be_checked()
