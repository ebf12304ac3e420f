"""Somebody with an account at the board without a server, who does not use its page: what IAM refuses, and what not."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from demo.dojo.browsers import BrowserBoard, in_room, item_of, of_owner, time_of
from demo.dojo.notified import Place
from demo.report import StepFailed, eventually, expect

__all__ = ["ACCEPTED", "REFUSED", "Account", "Victim", "refused"]

DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorizedException"}


@dataclass(frozen=True)
class Victim:
    """Somebody whose data the intruder knows of.

    Attributes:
        name: What this person is called.
        identity: Partition key and folder.
        room: Where this person talks.
        message: Id of a message in it.
        picture: Key of a file that was attached.
        away: Name of somebody who is away, and has a phone.
        phone: That phone.
    """

    name: str
    identity: str
    room: str
    message: str
    picture: str
    away: str
    phone: Place


class Account:
    """An account like any other, and the AWS SDK in place of the page.

    Args:
        board: The board.
    """

    def __init__(self, board: BrowserBoard) -> None:
        self.board = board
        self.token, self.identity, self._credentials = board.enter(f"{uuid.uuid4().hex}@example.com")

    def client(self, service: str) -> Any:
        """Return a client with the credentials of this account."""
        return self.board.cloud.client(service, region=self.board.region, credentials=self._credentials)

    @property
    def tables(self) -> Any:
        """DynamoDB."""
        return self.client("dynamodb")

    @property
    def files(self) -> Any:
        """S3."""
        return self.client("s3")

    def say(self, room: str, text: str, *, name: str = "nobody", later: timedelta = timedelta()) -> dict[str, Any]:
        """Write a message below the own identity; everything else in it is free."""
        message = {"room": room, "sent": time_of(later), "name": name, "text": text}
        item = item_of({"owner": self.identity, "id": str(uuid.uuid4()), **message})
        self.tables.put_item(TableName=self.board.messages, Item=item)
        return item

    def texts(self, room: str) -> list[tuple[str, str]]:
        """Read a room as its members do: names and texts."""
        found = self.tables.query(**in_room(self.board.messages, room))["Items"]
        return [(item["name"]["S"], item["text"]["S"]) for item in found]


def refused(act: Callable[[], Any]) -> str:
    """Do something that has to be refused, and return the code of the refusal.

    Raises:
        StepFailed: it was not, or for another reason.
    """
    try:
        act()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        expect(code in DENIED, f"{error}")
        return code
    raise StepFailed("it was not refused")


Move = Callable[[Account, Victim], Any]


def _foreign(victim: Victim) -> dict[str, Any]:
    return item_of({"owner": victim.identity, "id": victim.message})


def _message(victim: Victim) -> dict[str, Any]:
    fields = {"room": victim.room, "sent": time_of(), "name": victim.name, "text": "I never said this"}
    return {**_foreign(victim), **item_of(fields)}


def _batch(one: Account, victim: Victim) -> Any:
    own = item_of({"owner": one.identity, "id": "own"})
    writes = [{"PutRequest": {"Item": item}} for item in (own, _message(victim))]
    return one.tables.batch_write_item(RequestItems={one.board.messages: writes})


REFUSED: Mapping[str, Move] = {
    "write a message below another identity": lambda one, victim: one.tables.put_item(
        TableName=one.board.messages, Item=_message(victim)
    ),
    "change a message of somebody else": lambda one, victim: one.tables.update_item(
        TableName=one.board.messages,
        Key=_foreign(victim),
        UpdateExpression="SET #text = :text",
        ExpressionAttributeNames={"#text": "text"},
        ExpressionAttributeValues=item_of({":text": "I never said this"}),
    ),
    "delete a message of somebody else": lambda one, victim: one.tables.delete_item(
        TableName=one.board.messages, Key=_foreign(victim)
    ),
    "hide a foreign message in a batch": _batch,
    "hide a foreign message in a transaction": lambda one, victim: one.tables.transact_write_items(
        TransactItems=[{"Put": {"TableName": one.board.messages, "Item": _message(victim)}}]
    ),
    "read what somebody has not sent yet": lambda one, victim: one.tables.get_item(
        TableName=one.board.people, Key=item_of({"owner": victim.identity})
    ),
    "query what somebody has not sent yet": lambda one, victim: one.tables.query(
        **of_owner(one.board.people, victim.identity)
    ),
    "say of somebody else who that is": lambda one, victim: one.tables.put_item(
        TableName=one.board.people, Item=item_of({"owner": victim.identity, "name": "nobody", "seen": time_of()})
    ),
    "read a whole table": lambda one, _: one.tables.scan(TableName=one.board.people),
    "read a whole table by PartiQL": lambda one, _: one.tables.execute_statement(
        Statement=f'SELECT * FROM "{one.board.people}"'  # noqa: S608 - the name of the board's table
    ),
    "list all people by the index": lambda one, _: one.tables.scan(TableName=one.board.people, IndexName="by_name"),
    "replace a picture of somebody else": lambda one, victim: one.files.put_object(
        Bucket=one.board.bucket, Key=victim.picture, Body=b""
    ),
    "put a file into another folder": lambda one, victim: one.files.put_object(
        Bucket=one.board.bucket, Key=f"files/{victim.identity}/new.png", Body=b""
    ),
    "delete a picture of somebody else": lambda one, victim: one.files.delete_object(
        Bucket=one.board.bucket, Key=victim.picture
    ),
    "list the files of somebody else": lambda one, victim: one.files.list_objects_v2(
        Bucket=one.board.bucket, Prefix=f"files/{victim.identity}/"
    ),
    "list all files": lambda one, _: one.files.list_objects_v2(Bucket=one.board.bucket),
    "receive everybody's notices": lambda one, _: one.client("sns").subscribe(
        TopicArn=one.board.topic, Protocol="email", Endpoint="intruder@example.com"
    ),
    "ask who receives notices": lambda one, _: one.client("sns").list_subscriptions_by_topic(TopicArn=one.board.topic),
    "get somebody else's credentials": lambda one, victim: one.board.client(
        "cognito-identity"
    ).get_credentials_for_identity(IdentityId=victim.identity, Logins={one.board.provider: one.token}),
}
"""By what is tried; each has to be refused."""


def _speaks_uninvited(one: Account, victim: Victim) -> None:
    one.say(victim.room, "nobody invited me")
    expect(("nobody", "nobody invited me") in one.texts(victim.room), "the message is not in the room")


def _speaks_as(one: Account, victim: Victim) -> None:
    one.say(victim.room, "it is me, honestly", name=victim.name)
    expect((victim.name, "it is me, honestly") in one.texts(victim.room), "the message has another name")


def _notifies_as(one: Account, victim: Victim) -> None:
    notice = {"person": victim.away, "author": victim.name, "url": "https://evil.example.com"}
    attributes = {"person": {"DataType": "String", "StringValue": victim.away}}
    publish = one.client("sns").publish
    publish(TopicArn=one.board.topic, Message=json.dumps(notice), MessageAttributes=attributes)

    def came() -> bool | None:
        return notice in victim.phone.received() or None

    eventually(came, within=20, what="the notice on the phone")


def _reads_uninvited(one: Account, victim: Victim) -> None:
    expect(any(name == victim.name for name, _ in one.texts(victim.room)), "the room was not read")
    found = one.tables.query(**of_owner(one.board.messages, victim.identity))["Items"]
    expect(found, "the messages of one person were not read")


def _opens_a_picture(one: Account, victim: Victim) -> None:
    found = one.files.get_object(Bucket=one.board.bucket, Key=victim.picture)["Body"].read()
    expect(found, "the picture is empty")


def _rewrites(one: Account, victim: Victim) -> None:
    item = one.say(victim.room, "I owe you ten")
    one.tables.put_item(TableName=one.board.messages, Item={**item, "text": {"S": "you owe me ten"}})
    texts = [text for _, text in one.texts(victim.room)]
    expect("you owe me ten" in texts and "I owe you ten" not in texts, "the first text is still there")


def _is_somebody_else(one: Account, victim: Victim) -> None:
    people, key = one.board.people, item_of({"owner": one.identity})
    one.tables.put_item(TableName=people, Item={**key, **item_of({"name": victim.away, "seen": time_of()})})
    found = one.tables.query(
        TableName=people,
        IndexName="by_name",
        KeyConditionExpression="#name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues=item_of({":name": victim.away}),
    )["Items"]
    one.tables.delete_item(TableName=people, Key=key)
    expect(len(found) > 1, "the name was not taken")


def _is_ahead(one: Account, victim: Victim) -> None:
    item = one.say(victim.room, "from next year", later=timedelta(days=365))
    kept = one.tables.query(**of_owner(one.board.messages, one.identity))["Items"]
    expect(item in kept, "the message was not kept")
    # A rule of each reader's own, not of the board.
    expect("from next year" not in [text for _, text in one.texts(victim.room)], "readers see it")


def _uploads_a_page(one: Account, _: Victim) -> None:
    key = f"files/{one.identity}/cat.png"
    one.files.put_object(Bucket=one.board.bucket, Key=key, Body=b"<script></script>", ContentType="text/html")
    found = one.files.head_object(Bucket=one.board.bucket, Key=key)
    expect(found["ContentType"] == "text/html", f"{found['ContentType']}")


ACCEPTED: Mapping[str, Move] = {
    "write into a room without an invitation": _speaks_uninvited,
    "write under somebody's name": _speaks_as,
    "notify somebody in another's name, with a link": _notifies_as,
    "read any room, and all of one person's messages": _reads_uninvited,
    "open any picture": _opens_a_picture,
    "rewrite what one has said": _rewrites,
    "pass for somebody who is away, who then gets no notices": _is_somebody_else,
    "date a message a year ahead": _is_ahead,
    "upload a page in place of a picture": _uploads_a_page,
}
"""By what is tried; the board cannot refuse it, and each looks at what came of it."""
