"""People at a board without a server: their browsers call AWS themselves, with an identity of their own each."""

import asyncio
import json
import random
import re
import ssl
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from cdp_constructs.local import Deployment, LocalCloud
from demo.dojo.accounts import id_token
from demo.dojo.people import Attempt, Crowd, Person
from demo.dojo.stage import Deployed
from demo.report import StepFailed

__all__ = ["BrowserBoard", "BrowserCrowd", "BrowserPerson", "in_room", "item_of", "of_owner", "time_of"]

_SERVER_ERROR = 500
_THROTTLED = {"ProvisionedThroughputExceededException", "SlowDown", "ThrottlingException"}
# As stacks/dojo/browser_only/web/src/chat.ts has them.
_OVERLAP, _AHEAD, _AWAY = timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=15)
_LIVE, _APPEAR = 1.0, 5
_MENTION = re.compile(r"@([\w-]+)")


class BrowserBoard(Deployed):
    """The board, as a page knows it.

    Args:
        cloud: See `Deployed`.
        deployment: See `Deployed`.
        stack: See `Deployed`.
    """

    def __init__(self, cloud: LocalCloud, deployment: Deployment, stack: str) -> None:
        super().__init__(cloud, deployment, stack)
        self.url = cloud.distribution_url(deployment.outputs[f"{stack}Web"]["WebUrl"].removeprefix("https://"))
        self.messages, self.people = self.outputs["MessagesTable"], self.outputs["PeopleTable"]
        self.bucket, self.topic = self.outputs["BucketName"], self.outputs["TopicArn"]

    @property
    def provider(self) -> str:
        """The user pool, as identity pools name it."""
        return f"cognito-idp.{self.region}.amazonaws.com/{self.outputs['UserPoolId']}"

    def enter(self, email: str) -> tuple[str, str, Any]:
        """Sign up with the code that comes by mail, sign in, and return the id token, the identity and credentials."""
        token = id_token(self, email)
        pool, identities = self.outputs["IdentityPoolId"], self.client("cognito-identity")
        logins = {self.provider: token}
        identity: str = identities.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
        credentials = identities.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"]
        return token, identity, credentials


class BrowserPerson(Person):
    """Somebody whose browser has credentials of AWS: what `chat.ts` does, with the same calls."""

    crowd: "BrowserCrowd"
    identity: str = ""
    """The partition key and the folder that are this person's own."""
    latest: str = ""
    """When the latest message was sent that was read or said."""
    _credentials: Any = None

    @property
    def board(self) -> BrowserBoard:
        """Where this person is."""
        return self.crowd.board

    def client(self, service: str) -> Any:
        """Return a client of the AWS SDK with this person's own credentials."""
        return self.board.cloud.client(service, region=self.board.region, credentials=self._credentials)

    async def call(self, service: str, operation: str, **request: Any) -> Any:
        """Call AWS until there is an answer, and return it; see `until_answered`.

        Raises:
            StepFailed: it was refused.
        """

        async def attempt() -> Attempt[Any]:
            try:
                return await asyncio.to_thread(getattr(self.client(service), operation), **request), ""
            except ClientError as error:
                if not _may_be_sent_again(error):
                    raise StepFailed(f"{operation} of {self.name}: {error}") from None
                return None, str(error.response["ResponseMetadata"]["HTTPStatusCode"])
            except BotoCoreError as error:
                return None, type(error).__name__

        return await self.until_answered(operation, f"{operation} of {self.name}", attempt)

    async def enter(self) -> None:
        """Sign up and sign in, and say what this person is called."""
        entered = await asyncio.to_thread(self.board.enter, f"{self.name}@example.com")
        self.token, self.identity, self._credentials = entered
        await self.appear(seen="0")  # known, and not there yet

    async def appear(self, seen: str | None = None) -> None:
        """Say that somebody of this name is there."""
        await self.call(
            "dynamodb",
            "update_item",
            TableName=self.board.people,
            Key={"owner": {"S": self.identity}},
            UpdateExpression="SET #name = :name, seen = :seen",
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues={":name": {"S": self.name}, ":seen": {"S": seen or time_of()}},
        )

    async def say(self, text: str, **fields: Any) -> dict[str, Any]:
        """Write a message below the own identity; whoever it mentions and is away gets a notice."""
        began = time.monotonic()
        message = {"id": str(uuid.uuid4()), "room": self.crowd.room, "sent": time_of(), "name": self.name, "text": text}
        item = item_of({"owner": self.identity, **message, **fields})
        await self.call("dynamodb", "put_item", TableName=self.board.messages, Item=item)
        self.crowd.ledger.note_said(message["id"], self.name, text, began)
        self.latest = max(self.latest, message["sent"])
        for person in _MENTION.findall(text):
            if await self._is_away(person):
                await self.notify(person, author=self.name)
        return message

    async def notify(self, person: str, *, author: str) -> None:
        """Publish a notice."""
        room = self.crowd.room
        url = f"{self.board.outputs['Url']}/#{room}"
        notice = {"person": person, "room": room, "author": author, "url": url}
        attributes = {"person": {"DataType": "String", "StringValue": person}}
        topic = self.board.topic
        await self.call("sns", "publish", TopicArn=topic, Message=json.dumps(notice), MessageAttributes=attributes)

    async def read(self, **query: Any) -> list[dict[str, Any]]:
        """Read the latest messages of the room; they must have what was read or said before."""
        seen = self.latest
        found = await self.query(
            in_room(self.board.messages, self.crowd.room), ScanIndexForward=False, Limit=50, **query
        )
        messages = found[::-1]
        last = messages[-1]["sent"] if messages else ""
        if last < seen:
            self.crowd.ledger.back_in_time.append(f"{self.name} had seen {seen} and read up to {last}")
        self.latest = max(seen, last)
        return messages

    async def read_all(self) -> list[dict[str, Any]]:
        """Read the whole room, oldest first."""
        return await self.query(in_room(self.board.messages, self.crowd.room))

    async def search(self, author: str) -> list[dict[str, Any]]:
        """Return the messages of those who call themselves so, the newest first."""
        found = [await self.query(of_owner(self.board.messages, owner)) for owner, _ in await self._called(author)]
        return sorted((one for each in found for one in each), key=lambda one: str(one["sent"]), reverse=True)

    async def upload(self, name: str, content_type: str, content: bytes) -> str:
        """Put a file into the own folder, and return its key."""
        key = f"files/{self.identity}/{uuid.uuid4()}/{name}"
        bucket = self.board.bucket
        await self.call("s3", "put_object", Bucket=bucket, Key=key, Body=content, ContentType=content_type)
        return key

    async def download(self, key: str) -> bytes:
        """Return the content of a file."""
        found = await self.call("s3", "get_object", Bucket=self.board.bucket, Key=key)
        content: bytes = await asyncio.to_thread(found["Body"].read)
        return content

    async def query(self, query: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
        """Return what a query finds, all of it or as much as the limit says."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.call("dynamodb", "query", **query, **options)
            found += [_fields(item) for item in answer["Items"]]
            if "Limit" in options or "LastEvaluatedKey" not in answer:
                return found
            options["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def listen(self) -> None:
        """Look for new messages every second, without end, and be there for others."""
        known: set[tuple[str, str]] = set()
        latest: dict[str, str] = {}
        rounds = 0
        while True:
            try:
                if rounds % _APPEAR == 0:
                    await self.appear()
                found = await asyncio.to_thread(self._since, max(latest.values(), default=""))
            except (BotoCoreError, ClientError, StepFailed):
                self.crowd.ledger.reconnected += 1
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311
                continue
            for message in found:
                key = message["owner"], message["id"]
                if key not in known and message["sent"] < latest.get(message["owner"], ""):
                    self.crowd.ledger.out_of_order.append(f"{self.name} received {message['text']} too late")
                known.add(key)
                self.crowd.ledger.note_heard(message["id"], self.name)
                latest[message["owner"]] = max(message["sent"], latest.get(message["owner"], ""))
            self.heard = len(known)
            rounds += 1
            await asyncio.sleep(_LIVE * random.uniform(0.8, 1.2))  # noqa: S311

    def _since(self, latest: str) -> list[dict[str, Any]]:
        start = min(_read_time(latest), datetime.now(UTC)) - _OVERLAP if latest else None
        query = in_room(self.board.messages, self.crowd.room, "0" if start is None else _written(start))
        found: list[dict[str, Any]] = []
        for page in self.client("dynamodb").get_paginator("query").paginate(**query):
            found += [_fields(item) for item in page["Items"]]
        return found

    async def _is_away(self, person: str) -> bool:
        found = await self._called(person)
        return bool(found) and all(seen < time_of(-_AWAY) for _, seen in found)

    async def _called(self, name: str) -> list[tuple[str, str]]:
        """Return identity and last appearance of everybody of a name."""
        found = await self.query(
            {
                "TableName": self.board.people,
                "IndexName": "by_name",
                "KeyConditionExpression": "#name = :name",
                "ExpressionAttributeNames": {"#name": "name"},
                "ExpressionAttributeValues": {":name": {"S": name}},
            }
        )
        return [(one["owner"], one["seen"]) for one in found]


class BrowserCrowd(Crowd):
    """Twelve people with a browser each.

    Args:
        board: The board.
    """

    ORDER: ClassVar[str] = "each author's in the order of writing"
    LINKS: ClassVar[bool] = False

    def __init__(self, board: BrowserBoard) -> None:
        self.board = board
        super().__init__(board.url, "", ssl.create_default_context(), patience=180)

    def person(self, name: str) -> BrowserPerson:
        """Return somebody of this name, who has no account yet."""
        return BrowserPerson(name, self)

    def disorder(self, history: Sequence[Mapping[str, Any]]) -> str:
        """Return what is wrong with the order of a history; empty when it is right: nobody gives numbers here."""
        promised = list(self.ledger.promised)
        place = {identity: number for number, identity in enumerate(promised)}
        for author in {str(message["owner"]) for message in history}:
            places = [place[one["id"]] for one in history if one["owner"] == author and one["id"] in place]
            if places != sorted(places):
                return f"messages of {author} are not in the order of writing"
        return ""


def item_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Write texts as DynamoDB takes them."""
    return {name: {"S": value} for name, value in fields.items()}


def of_owner(table: str, owner: str) -> dict[str, Any]:
    """Return the query for the items below an identity."""
    return {
        "TableName": table,
        "KeyConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": item_of({":owner": owner}),
    }


def in_room(table: str, room: str, start: str = "0") -> dict[str, Any]:
    """Return the query for the messages of a room, none of which is from the future."""
    return {
        "TableName": table,
        "IndexName": "by_room",
        "KeyConditionExpression": "room = :room AND sent BETWEEN :start AND :end",
        "ExpressionAttributeValues": item_of({":room": room, ":start": start, ":end": time_of(_AHEAD)}),
    }


def time_of(later: timedelta = timedelta()) -> str:
    """Return the time, so much later than now."""
    return _written(datetime.now(UTC) + later)


def _read_time(text: str) -> datetime:
    """Read a time; anybody may have written anything, and what is no time counts as now."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)


def _written(when: datetime) -> str:
    # As JavaScript writes it, so that texts sort as times.
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item's texts; the ledger knows authors by their names."""
    fields = {name: str(value.get("S", "")) for name, value in item.items()}
    return {**fields, "author": fields.get("name", "")}


def _may_be_sent_again(error: ClientError) -> bool:
    status = int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
    return status >= _SERVER_ERROR or error.response["Error"]["Code"] in _THROTTLED
