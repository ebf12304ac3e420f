"""What keeps the chat's data in the tests, as an operator looks at it and lets it fail."""

import json
import threading
import uuid
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from cdp_constructs.local import LocalCloud

__all__ = ["PASSWORD", "REGION", "STORES", "Keeping"]

REGION = "eu-west-1"
PASSWORD = "not-for-production"  # of a database that lives as long as the tests
_AWAY_SECONDS = 1.0


class Keeping(Protocol):
    """A store."""

    settings: dict[str, str]
    """What servers and workers are configured with for it."""

    def fail(self) -> None:
        """Begin to fail; it comes back by itself."""

    def store_silently(self, room: str, number: int, text: str) -> None:
        """Store a message without a notice to anybody."""

    def attempts(self, **of: str) -> list[int]:
        """Return how often each notice that waits was tried; of a room or a person."""


@dataclass(frozen=True)
class _Database:
    cloud: LocalCloud
    outputs: dict[str, str]

    @property
    def settings(self) -> dict[str, str]:
        return {
            "database_host": self.outputs["Database"],
            "database_secret": json.dumps({"username": "chat", "password": PASSWORD}),
        }

    def fail(self) -> None:
        self.cloud.kill_database(self.outputs["DatabaseArn"])

    def store_silently(self, room: str, number: int, text: str) -> None:
        self._sql("UPDATE rooms SET last = %s WHERE name = %s", number, room)
        self._sql("INSERT INTO messages VALUES (%s, %s, %s, 'x', %s)", room, number, uuid.uuid4(), text)

    def attempts(self, **of: str) -> list[int]:
        [(column, value)] = of.items()
        return [row[0] for row in self._sql(f"SELECT attempts FROM notices WHERE {column} = %s", value)]  # noqa: S608

    def _sql(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(
            host=self.outputs["Database"],
            user="chat",
            password=PASSWORD,
            dbname="chat",
            sslmode="require",
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement, values)
            return [] if cursor.description is None else cursor.fetchall()


@dataclass(frozen=True)
class _Table:
    cloud: LocalCloud
    outputs: dict[str, str]

    @property
    def settings(self) -> dict[str, str]:
        return {"store": "table", "table": self.outputs["Table"], "fan_out": "polling"}

    def fail(self) -> None:
        failing = threading.Event()
        threading.Thread(target=self._fail, args=[failing]).start()
        assert failing.wait(10)

    def _fail(self, failing: threading.Event) -> None:
        with self.cloud.inject_fault("dynamodb", REGION):
            failing.set()
            threading.Event().wait(_AWAY_SECONDS)

    def store_silently(self, room: str, number: int, text: str) -> None:
        key = {"pk": {"S": f"room#{room}"}}
        table = {"TableName": self.outputs["Table"]}
        client = self.cloud.client("dynamodb", region=REGION)
        [first] = client.query(
            **table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :message)",
            ExpressionAttributeValues={":pk": key["pk"], ":message": {"S": "message#"}},
        )["Items"]
        place = f"message#{number:019}"
        client.put_item(
            **table,
            Item={**first, "sk": {"S": place}, "number": {"N": str(number)}, "text": {"S": text}},
        )
        client.update_item(
            **table,
            Key={**key, "sk": {"S": "room"}},
            UpdateExpression="SET #last = :last",
            ExpressionAttributeNames={"#last": "last"},
            ExpressionAttributeValues={":last": {"N": str(number)}},
        )

    def attempts(self, **of: str) -> list[int]:
        [(name, value)] = of.items()
        waiting = self.cloud.client("dynamodb", region=REGION).query(
            TableName=self.outputs["Table"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "notices"}},
            ConsistentRead=True,
        )
        return [int(item["attempts"]["N"]) for item in waiting["Items"] if item[name]["S"] == value]


STORES = {"database": _Database, "table": _Table}
"""By their names in the settings."""
