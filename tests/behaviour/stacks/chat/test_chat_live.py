"""The chat while people look at it: live in two Regions, for members only, and what a client does that was away."""

import itertools
import json
import time
from contextlib import ExitStack
from typing import Any

import httpx

from cdp_constructs.local.clients.notices import Push
from cdp_constructs.testing import Browser, eventually
from tests.behaviour.stacks.chat.test_chat import Attachment, jpeg
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Chat, Room, User, live


def heartbeat(user: User, region: str, room: Room, *, typing: bool = False) -> dict[str, Any]:
    answer = user.call(region, "PUT", f"/rooms/{room.id}/presence", {"typing": typing})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def described(user: User, region: str, room: Room) -> dict[str, Any]:
    answer = user.call(region, "GET", f"/rooms/{room.id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def person(user: User, region: str, room: Room, who: User) -> dict[str, Any]:
    (found,) = [member for member in described(user, region, room)["members"] if member["user"] == who.sub]
    return found


def unread(user: User, region: str) -> int:
    (listed,) = user.call(region, "GET", "/rooms").json()["rooms"]
    return int(listed["unread"])


def test_people_in_two_regions_talk_live(room: Room) -> None:
    with live(room.anna, HOME, room.id) as anna, live(room.ben, AWAY, room.id) as ben:
        anna.open()
        ben.open()
        for number in range(4):
            author, region = ((room.anna, HOME), (room.ben, AWAY))[number % 2]
            posted = author.post(region, room.id, f"line {number}").json()
            for client in (anna, ben):
                client.wait_for_message(posted)
        assert anna.messages == ben.messages


def test_who_was_away_catches_up_by_cursor_and_shows_nothing_twice(room: Room) -> None:
    with live(room.anna, HOME, room.id) as anna:
        anna.open()
        with live(room.ben, AWAY, room.id) as ben:
            ben.open()
            ben.wait_for_message(room.anna.post(HOME, room.id, "before").json())
            known, cursor = ben.messages, ben.cursor
        missed = [
            author.post(region, room.id, f"{region} {number}").json()
            for number in range(3)
            for author, region in ((room.anna, HOME), (room.ben, AWAY))
        ]
        for message in missed:
            anna.wait_for_message(message)
        with live(room.ben, HOME, room.id) as ben:
            # Another Region this time: the cursor is good there too.
            ben.messages, ben.cursor = known, cursor
            ben.open()
            assert {message["id"] for message in missed} <= set(ben.messages)
            live_again = room.anna.post(HOME, room.id, "after").json()
            ben.wait_for_message(live_again)
            anna.wait_for_message(live_again)
            assert sorted(message["text"] for message in ben.messages.values()) == sorted(
                message["text"] for message in room.settled(8)[HOME]
            )


def test_scrolling_back_leads_from_the_newest_message_to_the_first(room: Room) -> None:
    for number in range(7):
        author, region = ((room.anna, HOME), (room.ben, AWAY))[number % 2]
        author.post(region, room.id, str(number))
    whole = room.settled(7)[AWAY]
    pages: list[list[dict[str, Any]]] = []
    before, more = "latest", True
    while more:
        page = room.anna.call(AWAY, "GET", f"/rooms/{room.id}/messages", before=before, limit=3).json()
        if before == "latest":
            assert room.anna.history(HOME, room.id, page["cursor"]) == []
        pages.insert(0, page["messages"])
        before, more = page["before"], page["more"]
    assert [len(page) for page in pages] == [1, 3, 3]
    assert [message for page in pages for message in page] == whole
    refused = room.anna.call(AWAY, "GET", f"/rooms/{room.id}/messages", before="latest", after=before)
    assert refused.status_code == 400


def test_a_stranger_hears_and_learns_nothing(room: Room, chat: Chat) -> None:
    stranger = chat.user()
    channel = described(room.anna, HOME, room)["channel"]
    with live(stranger, HOME, room.id) as client:
        for name in (channel, f"/rooms/{room.id}/*", "/rooms/*", f"/rooms/{room.id}", "/rooms/elsewhere/0"):
            assert client.ask(name) == "subscribe_error", name
    path = f"/rooms/{room.id}"
    answers = [
        stranger.call(HOME, "GET", path),
        stranger.call(HOME, "PUT", f"{path}/presence", {"typing": True}),
        stranger.call(HOME, "DELETE", f"{path}/presence"),
        stranger.call(HOME, "PUT", f"{path}/read", {"cursor": ""}),
        stranger.call(HOME, "GET", f"{path}/messages", before="latest"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert heartbeat(room.anna, HOME, room)["online"] == [room.anna.sub]


def test_who_leaves_receives_nothing_more_in_any_region(room: Room) -> None:
    with ExitStack() as connections:
        clients = {
            (user, region): connections.enter_context(live(user, region, room.id))
            for user, region in itertools.product((room.anna, room.ben), REGIONS)
        }
        for client in clients.values():
            client.open()
        for client in clients.values():
            client.hear_the_past()
        before = {region: described(room.anna, region, room)["channel"] for region in REGIONS}
        assert room.ben.call(AWAY, "DELETE", f"/rooms/{room.id}/members/me").status_code == 200
        # At once where he asked for it, and where it was replicated to as soon as that Region knows.
        for client in clients.values():
            client.wait_for(kind="members")
        for region in REGIONS:
            after = described(room.anna, region, room)
            assert after["channel"] != before[region]
            assert [member["user"] for member in after["members"]] == [room.anna.sub]
            clients[room.anna, region].open()
            assert clients[room.ben, region].ask(after["channel"]) == "subscribe_error"
            assert clients[room.ben, region].ask(before[region]) == "subscribe_error"
        for region in REGIONS:
            posted = room.anna.post(region, room.id, f"without Ben, {region}").json()
            for other in REGIONS:
                clients[room.anna, other].wait_for_message(posted)
        for region in REGIONS:
            heard = [event["message"]["text"] for event in clients[room.ben, region].settle() if "message" in event]
            assert heard
            assert not [text for text in heard if text.startswith("without Ben")]


def test_who_joins_is_announced(room: Room, chat: Chat) -> None:
    cara = chat.user()
    with live(room.anna, AWAY, room.id) as anna:
        anna.open()
        anna.hear_the_past()
        assert room.join(HOME, cara).status_code == 200
        anna.wait_for(kind="members")
        assert cara.sub in [member["user"] for member in described(room.anna, AWAY, room)["members"]]


def test_names_are_known_in_every_region(room: Room) -> None:
    assert person(room.ben, HOME, room, room.anna)["name"] == ""
    session = room.anna.call(HOME, "POST", "/session", {"name": " 花子 "}).json()
    assert (session["name"], session["region"], session["user"]) == ("花子", HOME, room.anna.sub)
    eventually(lambda: person(room.ben, AWAY, room, room.anna)["name"] == "花子")
    assert room.anna.call(AWAY, "POST", "/session", {}).json()["name"] == "花子"
    assert room.anna.call(AWAY, "POST", "/session", {"name": "x" * 41}).status_code == 422


def test_presence_and_typing_appear_in_the_other_region_and_end(room: Room, chat: Chat) -> None:
    with live(room.ben, AWAY, room.id) as ben:
        ben.open()
        assert heartbeat(room.anna, HOME, room) == {
            "channel": described(room.anna, HOME, room)["channel"],
            "cursor": f"{HOME}:0,{HOME}.changes:0,{AWAY}:0,{AWAY}.changes:0",
            "online": [room.anna.sub],
            "typing": [],
        }
        ben.wait_for(kind="presence", user=room.anna.sub, online=True)
        assert person(room.ben, AWAY, room, room.anna)["online"]
        assert heartbeat(room.anna, HOME, room, typing=True)["typing"] == [room.anna.sub]
        ben.wait_for(kind="typing", user=room.anna.sub, typing=True)
        heartbeat(room.anna, HOME, room)
        ben.wait_for(kind="typing", user=room.anna.sub, typing=False)
        room.anna.call(HOME, "DELETE", f"/rooms/{room.id}/presence")
        ben.wait_for(kind="presence", user=room.anna.sub, online=False)
        assert not person(room.ben, AWAY, room, room.anna)["online"]
    # Who just disappears is away after a while, and has stopped typing.
    heartbeat(room.anna, AWAY, room, typing=True)
    assert person(room.ben, AWAY, room, room.anna) == {
        "user": room.anna.sub,
        "name": "",
        "online": True,
        "typing": True,
    }
    lapse(chat, AWAY, room, "TYPING")
    assert person(room.ben, AWAY, room, room.anna) == {
        "user": room.anna.sub,
        "name": "",
        "online": True,
        "typing": False,
    }
    lapse(chat, AWAY, room, "PRESENCE")
    assert heartbeat(room.ben, AWAY, room)["online"] == [room.ben.sub]


def lapse(chat: Chat, region: str, room: Room, kind: str) -> None:
    """Let the time of Anna's entry be over."""
    chat.cloud.client("dynamodb", region).update_item(
        TableName=chat.resource("ChatGlobal", "AWS::DynamoDB::GlobalTable", "Table"),
        Key={"pk": {"S": f"ROOM#{room.id}"}, "sk": {"S": f"{kind}#{room.anna.sub}"}},
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
    )


def test_a_heartbeat_that_changes_nothing_is_no_event(room: Room) -> None:
    with live(room.ben, HOME, room.id) as ben:
        ben.open()
        for _ in range(4):
            heartbeat(room.anna, HOME, room)
        ben.wait_for_message(room.anna.post(HOME, room.id, "here").json())
        assert [event["kind"] for event in ben.settle()] == ["presence", "message"]


def test_a_heartbeat_tells_a_client_what_it_missed(room: Room) -> None:
    before = heartbeat(room.anna, HOME, room)
    posted = room.ben.post(HOME, room.id, "hello").json()
    reached = f"{HOME}:{posted['sequence']},{HOME}.changes:{{}},{AWAY}:0,{AWAY}.changes:0"
    assert heartbeat(room.anna, HOME, room)["cursor"] == reached.format(0)
    reaction = {"client_change_id": "1", "emoji": "👍"}
    path = f"/rooms/{room.id}/messages/{posted['id']}/reaction"
    assert room.ben.call(HOME, "PUT", path, reaction).status_code == 201
    assert heartbeat(room.anna, HOME, room)["cursor"] == reached.format(1)
    assert room.ben.call(HOME, "DELETE", f"/rooms/{room.id}/members/me").status_code == 200
    assert heartbeat(room.anna, HOME, room)["channel"] != before["channel"]


def test_unread_messages_are_counted_over_both_regions_and_marks_never_go_back(room: Room, chat: Chat) -> None:
    for number in range(3):
        room.anna.post(HOME, room.id, f"{number}")
    room.ben.post(AWAY, room.id, "from the other side")
    room.settled(4)
    eventually(lambda: {unread(room.ben, region) for region in REGIONS} == {4})

    def mark(region: str, cursor: str) -> int:
        return int(room.ben.call(region, "PUT", f"/rooms/{room.id}/read", {"cursor": cursor}).json()["unread"])

    assert mark(HOME, f"{HOME}:2") == 2
    # The other Region has not heard of the first marker, and overwrites nothing.
    assert mark(AWAY, f"{AWAY}:1") <= 3
    eventually(lambda: {unread(room.ben, region) for region in REGIONS} == {1})
    assert mark(HOME, f"{HOME}:1") == 1
    assert mark(HOME, f"{HOME}:99") == 0
    assert unread(room.anna, HOME) == 4
    cara = chat.user()
    assert room.join(HOME, cara).status_code == 200
    assert unread(cara, HOME) == 0, "what was said before somebody joined does not wait"


def test_a_thumbnail_is_announced_in_every_region(room: Room) -> None:
    with live(room.anna, HOME, room.id) as anna, live(room.ben, AWAY, room.id) as ben:
        anna.open()
        ben.open()
        sent = Attachment(room, HOME, jpeg())
        for client in (anna, ben):
            client.wait_for(kind="attachment", id=sent.id, thumbnail=True, within=40)
        shown = room.ben.call(AWAY, "GET", f"/rooms/{room.id}/attachments/{sent.id}", variant="thumbnail")
        assert shown.status_code == 200


def test_who_is_away_hears_on_the_pc_by_mail_and_in_the_browser_or_on_the_phone_and_who_is_there_does_not(
    room: Room, chat: Chat
) -> None:
    # What an operator has made before.
    chat.cloud.client("sns", AWAY).create_platform_application(
        Name="chat", Platform="GCM", Attributes={"PlatformCredential": "made-up"}
    )
    cara, dora = chat.user(), chat.user()
    for user in (cara, dora):
        assert room.join(HOME, user).status_code == 200
        eventually(lambda user=user: user.call(AWAY, "GET", f"/rooms/{room.id}").status_code == 200)
    public_key = room.anna.call(AWAY, "POST", "/session", {"name": "Anna"}).json()["web_push_key"]
    assert room.anna.call(HOME, "POST", "/session", {}).json()["web_push_key"] == public_key
    choice = {"mail": True, "push": True, "quiet_minutes": 5, "language": "en"}
    for user in (room.anna, room.ben, cara, dora):
        chosen = {**choice, "mail": user is not dora}
        assert user.call(AWAY, "PUT", "/me/notifications", chosen).status_code == 200
    browsers = {user.sub: Browser(chat.cloud, public_key) for user in (room.anna, room.ben, cara)}
    for user in (room.anna, room.ben, cara):
        assert register(user, browsers[user.sub]).status_code == 201
    for user, token in ((room.ben, f"ben-{room.id}"), (dora, f"dora-{room.id}")):
        device = user.call(AWAY, "POST", "/me/devices", {"platform": "fcm", "token": token})
        assert device.status_code == 201
    heartbeat(room.ben, AWAY, room)
    assert room.anna.post(AWAY, room.id, "Are you there?").status_code == 201

    def noticed(region: str, user: User) -> list[str]:
        # Codes of the user pool have the same sender, and no link that stops them.
        mails = [mail for mail in chat.cloud.sent_mails(region) if "List-Unsubscribe" in mail.headers]
        return [mail.text for mail in mails if mail.to == [user.mail]]

    (text,) = eventually(lambda: noticed(AWAY, cara), within=40)
    assert "Anna: Are you there?" in text
    assert f"https://chat.example.com/rooms/{room.id}" in text
    [shown] = eventually(browsers[cara.sub].received, within=40)
    assert json.loads(shown)["body"] == "Anna: Are you there?"
    # Neither the author nor who has the room open, and only the Region that accepted the message tells.
    [pushed] = eventually(lambda: pushes(chat, f"dora-{room.id}"), within=40)
    assert json.loads(pushed.message)["fcmV1Message"]["message"]["data"]["topic"] == room.id
    assert [browsers[user.sub].received() for user in (room.anna, room.ben)] == [[], []]
    assert (pushes(chat, f"ben-{room.id}"), noticed(AWAY, dora)) == ([], [])
    assert [noticed(region, user) for region in REGIONS for user in (room.anna, room.ben)] == [[]] * 4
    assert noticed(HOME, cara) == []
    # The application is removed from the phone: SNS hears so, and the next notice ends the device here.
    sns = chat.cloud.client("sns", AWAY)
    sns.set_endpoint_attributes(EndpointArn=pushed.endpoint, Attributes={"Enabled": "false"})
    gone = f"/me/devices/{device.json()['device']}"
    tea = room.anna.call(AWAY, "POST", "/rooms", {"name": "Tea"}).json()
    dora.call(AWAY, "POST", f"/rooms/{tea['room']}/members", {"invite_code": tea["invite_code"]})
    room.anna.post(AWAY, tea["room"], "Tea?")
    eventually(lambda: not devices_of(chat, dora), within=40)
    assert dora.call(AWAY, "DELETE", gone).status_code == 404
    assert cara.call(AWAY, "PUT", "/me/notifications", {**choice, "mail": False}).json()["mail"] is False


def register(user: User, browser: Browser) -> httpx.Response:
    keys = {"p256dh": browser.p256dh, "auth": browser.auth}
    subscription = {"platform": "web_push", "endpoint": browser.endpoint, "keys": keys}
    return user.call(AWAY, "POST", "/me/devices", subscription)


def devices_of(chat: Chat, user: User) -> list[Any]:
    answer = chat.cloud.client("dynamodb", AWAY).query(
        TableName=chat.resource("ChatGlobal", "AWS::DynamoDB::GlobalTable", "Table"),
        KeyConditionExpression="pk = :user AND begins_with(sk, :kind)",
        ExpressionAttributeValues={":user": {"S": f"USER#{user.sub}"}, ":kind": {"S": "DEVICE#"}},
    )
    return list(answer["Items"])


def pushes(chat: Chat, token: str) -> list[Push]:
    return [push for push in chat.cloud.pushes(AWAY) if push.token == token]


def test_nothing_is_lost_while_the_live_api_refuses_to_publish(room: Room, chat: Chat) -> None:
    stack = f"Chat-{AWAY}"
    queue = chat.resource(stack, "AWS::SQS::Queue", "FanoutLiveQueue")
    role = chat.resource(stack, "AWS::IAM::Role", "LiveChannelsPublisherRole")
    # Three minutes between two deliveries are right for the chat and long for a test.
    chat.cloud.client("sqs", AWAY).set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "2"})
    iam = chat.cloud.client("iam", AWAY)
    denied = {"Effect": "Deny", "Action": "appsync:EventPublish", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    with live(room.anna, HOME, room.id) as anna, live(room.ben, AWAY, room.id) as ben:
        anna.open()
        ben.open()
        iam.put_role_policy(RoleName=role, PolicyName="Outage", PolicyDocument=policy)
        try:
            posted = [room.anna.post(HOME, room.id, f"{number}").json() for number in range(3)]
            # The other Region goes on, and history is there for whoever reads.
            for message in posted:
                anna.wait_for_message(message)
            eventually(lambda: len(room.ben.history(AWAY, room.id)) == 3)
            assert not [event for event in ben.settle() if event["kind"] == "message"]
        finally:
            iam.delete_role_policy(RoleName=role, PolicyName="Outage")
        for message in posted:
            ben.wait_for_message(message)
