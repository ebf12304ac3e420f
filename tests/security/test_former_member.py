"""Somebody who was in a room, or had an account, and has kept everything: token, invite code, form, channel."""

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.testing import eventually
from demo.chat.site import DOMAIN
from tests.behaviour.stacks.chat.test_chat import jpeg, upload
from tests.stacks.chat.clients import AWAY, HOME, PASSWORD, REGIONS, Chat, Room, User, live

CHOICE = {"mail": True, "push": False, "quiet_minutes": 5, "language": "en"}


def out_everywhere(room: Room, user: User) -> None:
    for region in REGIONS:
        eventually(lambda region=region: room.read(region, user).status_code == 404)
        eventually(lambda region=region: user.post(region, room.id, "still here").status_code == 404)


def members(room: Room, region: str) -> dict[str, str]:
    described = room.anna.call(region, "GET", f"/rooms/{room.id}").json()
    return {member["user"]: member["name"] for member in described["members"]}


def joins(user: User, region: str, room: Room, code: str) -> int:
    return user.call(region, "POST", f"/rooms/{room.id}/members", {"invite_code": code}).status_code


def notices_to(chat: Chat, address: str) -> list[str]:
    """Return what was mailed to an address, without the codes of the user pool."""
    mails = [mail for region in REGIONS for mail in chat.cloud.sent_mails(region)]
    return [mail.text for mail in mails if mail.to == [address] and mail.sender == f"Chat <notices@{DOMAIN}>"]


@pytest.fixture(scope="session")
def mailing(chat: Chat) -> Chat:
    """The chat of an operator who has verified the sender of notices."""
    for region in REGIONS:
        mails = chat.cloud.client("sesv2", region)
        mails.create_email_identity(EmailIdentity=DOMAIN)
        mails.put_account_details(
            ProductionAccessEnabled=True, MailType="TRANSACTIONAL", WebsiteURL=f"https://{DOMAIN}"
        )
    return chat


def test_an_invite_code_that_was_changed_opens_nothing(room: Room, chat: Chat) -> None:
    changed = room.anna.call(AWAY, "PUT", f"/rooms/{room.id}/invite")
    assert changed.status_code == 200, changed.text
    late = chat.user()
    for region in REGIONS:
        # Where the change has not arrived yet, who knows the old code comes in for the last time.
        eventually(lambda region=region: joins(chat.user(), region, room, room.invite_code) == 404)
    assert joins(late, HOME, room, changed.json()["invite_code"]) == 200
    # Only the creator changes it; to a stranger the room does not exist.
    assert room.ben.call(HOME, "PUT", f"/rooms/{room.id}/invite").status_code == 403
    assert chat.user().call(HOME, "PUT", f"/rooms/{room.id}/invite").status_code == 404


@pytest.mark.parametrize(("removed_in", "reads_in"), [(HOME, AWAY), (AWAY, HOME)])
def test_who_was_removed_reads_hears_and_comes_back_nowhere(room: Room, removed_in: str, reads_in: str) -> None:
    room.anna.post(HOME, room.id, "before")
    with live(room.ben, reads_in, room.id) as ben, live(room.anna, reads_in, room.id) as anna:
        ben.open()
        before = ben.channel
        path = f"/rooms/{room.id}/members/{room.ben.sub}"
        assert room.ben.call(removed_in, "DELETE", f"/rooms/{room.id}/members/{room.anna.sub}").status_code == 403
        assert room.anna.call(removed_in, "DELETE", path).status_code == 204
        ben.wait_for(kind="members")
        out_everywhere(room, room.ben)
        eventually(lambda: room.anna.call(reads_in, "GET", f"/rooms/{room.id}").json()["channel"] != before)
        anna.open()
        secret = room.anna.post(removed_in, room.id, "not for Ben").json()
        anna.wait_for_message(secret)
        assert ben.ask(anna.channel) == ben.ask(before) == "subscribe_error"
        assert secret["id"] not in {event.get("message", {}).get("id") for event in ben.settle()}
    for region in REGIONS:
        assert joins(room.ben, region, room, room.invite_code) == 404
        assert set(members(room, region)) == {room.anna.sub}
    newer = room.anna.call(removed_in, "PUT", f"/rooms/{room.id}/invite").json()["invite_code"]
    assert joins(room.ben, removed_in, room, newer) == 200


@pytest.mark.parametrize("leaving", ["leaves", "is removed"])
def test_a_form_that_was_issued_before_adds_no_file_afterwards(room: Room, chat: Chat, leaving: str) -> None:
    picture = jpeg()
    form = room.ben.call(HOME, "POST", f"/rooms/{room.id}/uploads", upload(len(picture))).json()
    if leaving == "leaves":
        assert room.ben.call(HOME, "DELETE", f"/rooms/{room.id}/members/me").status_code == 200
    else:
        path = f"/rooms/{room.id}/members/{room.ben.sub}"
        assert room.anna.call(HOME, "DELETE", path).status_code == 204
    sent = chat.http.post(form["url"], data=form["fields"], files={"file": ("cat.jpg", picture)})
    assert sent.status_code in {200, 201, 204}, sent.text
    s3 = chat.cloud.client("s3", HOME)
    bucket = chat.resource(f"Chat-{HOME}", "AWS::S3::Bucket", "AttachmentsUpload")

    def count(prefix: str) -> int:
        return int(s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}{room.ben.sub}/")["KeyCount"])

    # A file of Anna's, sent after it, has become an attachment: Ben's was decided about.
    form = room.anna.call(HOME, "POST", f"/rooms/{room.id}/uploads", upload(len(picture))).json()
    chat.http.post(form["url"], data=form["fields"], files={"file": ("cat.jpg", picture)})
    listed = eventually(
        lambda: room.anna.call(HOME, "GET", f"/rooms/{room.id}/attachments").json()["attachments"], within=40
    )
    eventually(lambda: count("incoming/") == count("accepted/") == 0, within=40)
    assert {attachment["owner"] for attachment in listed} == {room.anna.sub}


def wants_mail(user: User, region: str = HOME) -> None:
    answer = user.call(region, "PUT", "/me/notifications", CHOICE)
    assert answer.status_code == 200, answer.text


def assert_only_witness_is_mailed(room: Room, witness: User, *others: str, region: str) -> None:
    """Post, wait until a member who is away has the mail, and look that nobody else has."""
    before = {address: len(notices_to(room.chat, address)) for address in others}
    room.anna.post(region, room.id, "who hears this?")
    eventually(lambda: notices_to(room.chat, witness.mail), within=60)
    assert {address: len(notices_to(room.chat, address)) for address in others} == before


@pytest.fixture
def witness(mailing: Chat, room: Room) -> User:
    """Another member, who gets mail."""
    user = mailing.user()
    assert room.join(HOME, user).status_code == 200
    for region in REGIONS:
        eventually(lambda region=region: room.read(region, user).status_code == 200)
    wants_mail(user)
    return user


@pytest.mark.parametrize("deleted_in", REGIONS)
def test_a_deleted_account_is_out_forgotten_and_not_mailed(room: Room, witness: User, deleted_in: str) -> None:
    chat, ben = room.chat, room.ben
    ben.call(deleted_in, "POST", "/session", {"name": "Ben"})
    wants_mail(ben, deleted_in)
    said = ben.post(deleted_in, room.id, "this stays").json()
    for region in REGIONS:
        eventually(lambda region=region: members(room, region)[ben.sub] == "Ben")
    assert ben.call(deleted_in, "DELETE", "/me").status_code == 204
    out_everywhere(room, ben)
    for region in REGIONS:
        eventually(lambda region=region: ben.sub not in members(room, region))
        # The token is still valid; nothing is stored about the account any more.
        for method, path, body in (
            ("POST", "/session", {"name": "Ben"}),
            ("POST", "/rooms", {"name": "Mine"}),
            ("POST", f"/rooms/{room.id}/members", {"invite_code": room.invite_code}),
            ("PUT", "/me/notifications", {**CHOICE, "mail": False}),
        ):
            eventually(
                lambda region=region, method=method, path=path, body=body: (
                    ben.call(region, method, path, body).status_code == 401
                )
            )
        assert ben.call(region, "GET", "/rooms").json()["rooms"] == []
        assert said in room.anna.history(region, room.id)
        assert ben.call(region, "DELETE", "/me").status_code == 204
    cognito = chat.cloud.client("cognito-idp", HOME)
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        cognito.initiate_auth(
            ClientId=chat.resource("ChatGlobal", "AWS::Cognito::UserPoolClient"),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": ben.mail, "PASSWORD": PASSWORD},
        )
    assert {kind(item) for item in kept_of(chat, ben)} <= {"ACCOUNT", "BUDGET"}
    assert_only_witness_is_mailed(room, witness, ben.mail, region=deleted_in)


def kept_of(chat: Chat, user: User) -> list[dict[str, Any]]:
    table = chat.resource("ChatGlobal", "AWS::DynamoDB::GlobalTable")
    pages = [
        chat.cloud.client("dynamodb", region).query(
            TableName=table,
            KeyConditionExpression="pk = :user",
            ExpressionAttributeValues={":user": {"S": f"USER#{user.sub}"}},
        )["Items"]
        for region in REGIONS
    ]
    return list(itertools.chain(*pages))


def kind(item: dict[str, Any]) -> str:
    return str(item["sk"]["S"]).partition("#")[0]


def test_an_account_that_is_deleted_in_the_user_pool_itself_is_not_mailed_and_its_address_forgotten(
    room: Room, witness: User
) -> None:
    chat, ben = room.chat, room.ben
    wants_mail(ben)
    chat.cloud.client("cognito-idp", HOME).delete_user(AccessToken=ben.token)
    # Ben is still a member: nobody has told the chat.
    assert ben.sub in members(room, AWAY)
    assert_only_witness_is_mailed(room, witness, ben.mail, region=AWAY)
    eventually(lambda: "NOTICES" not in {kind(item) for item in kept_of(chat, ben)}, within=40)


def test_an_address_that_was_changed_is_not_mailed_any_more(room: Room, witness: User) -> None:
    chat, ben = room.chat, room.ben
    wants_mail(ben)
    changed = f"new-{ben.mail}"
    chat.cloud.client("cognito-idp", HOME).admin_update_user_attributes(
        UserPoolId=chat.resource("ChatGlobal", "AWS::Cognito::UserPool"),
        Username=ben.sub,
        UserAttributes=[{"Name": "email", "Value": changed}, {"Name": "email_verified", "Value": "true"}],
    )
    assert_only_witness_is_mailed(room, witness, ben.mail, region=AWAY)
    eventually(lambda: notices_to(chat, changed), within=40)
