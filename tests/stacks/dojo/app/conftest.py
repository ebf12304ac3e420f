"""A server of the chat, with PostgreSQL, a cache, queues and a topic of the embedded cloud."""

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from cdp_constructs.local import LocalCloud
from tests.stacks.dojo.app.chats import PASSWORD, REGION, TEMPLATE, Chat, Server


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start(timeout=120) as running:
        yield running


@pytest.fixture(scope="session")
def outputs(cloud: LocalCloud) -> dict[str, str]:
    client = cloud.client("cloudformation", region=REGION)
    client.create_stack(StackName="chat", TemplateBody=json.dumps(TEMPLATE))
    client.get_waiter("stack_create_complete").wait(StackName="chat", WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
    found = client.describe_stacks(StackName="chat")["Stacks"][0]["Outputs"]
    return {each["OutputKey"]: each["OutputValue"] for each in found}


@pytest.fixture(scope="module")
def chat(cloud: LocalCloud, outputs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    started = Chat(cloud, outputs, tmp_path_factory.mktemp("logs"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def server(chat: Chat) -> Server:
    return chat.server()


@pytest.fixture
def room() -> str:
    return f"room-{secrets.token_hex(6)}"


@pytest.fixture
def sql(outputs: dict[str, str]) -> Callable[..., list[Any]]:
    def ask(statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(
            host=outputs["Database"], user="chat", password=PASSWORD, dbname="chat", sslmode="require", autocommit=True
        ) as connection:
            cursor = connection.execute(statement, values)
            return [] if cursor.description is None else cursor.fetchall()

    return ask
