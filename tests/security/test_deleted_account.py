"""Who had an account and has kept its token: after it was deleted, here or in the user pool, or has another address."""

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.testing import eventually
from tests.queues import messages_in
from tests.security.moves import members, out_everywhere
from tests.stacks.chat.clients import AWAY, HOME, PASSWORD, REGIONS, Chat, Room, User

CHOICE = {"mail": True, "push": False, "quiet_minutes": 5, "language": "en"}


def notices_to(chat: Chat, address: str) -> list[str]:
    """Return the notices to an address: the codes of the user pool have no link that ends them."""
    mails = [mail for region in REGIONS for mail in chat.cloud.sent_mails(region)]
    return [mail.text for mail in mails if mail.to == [address] and "List-Unsubscribe" in mail.headers]


def wants_mail(user: User, region: str = HOME) -> None:
    answer = user.call(region, "PUT", "/me/notifications", CHOICE)
    assert answer.status_code == 200, answer.text


def assert_only_witness_is_mailed(room: Room, witness: User, *others: str, region: str) -> None:
    """Post, wait until all notices were decided about and a member has the mail; nobody else may have one."""
    sqs = room.chat.cloud.client("sqs", region)
    names = ("MessagesFanoutNoticesQueue", "NoticesNotificationsQueue", "NoticesNotificationsTimerQueue")
    queues = [room.chat.resource(f"Chat-{region}", "AWS::SQS::Queue", name) for name in names]
    room.anna.post(region, room.id, "who hears this?")
    eventually(lambda: notices_to(room.chat, witness.mail), within=60)
    eventually(lambda: not any(messages_in(sqs, queue) for queue in queues), within=60)
    assert {address: notices_to(room.chat, address) for address in others} == {address: [] for address in others}


@pytest.fixture
def witness(chat: Chat, room: Room) -> User:
    """Another member, who gets mail."""
    user = chat.user()
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
    table = chat.resource("ChatGlobal", "AWS::DynamoDB::GlobalTable", "Table")
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
