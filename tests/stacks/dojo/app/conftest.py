"""A server of the chat over each of its stores, with a cache, queues and a topic of the embedded cloud."""

import json
import secrets
from collections.abc import Iterator

import pytest

from cdp_constructs.local import LocalCloud
from tests.stacks.dojo.app.chats import TEMPLATE, Chat, Server
from tests.stacks.dojo.app.stores import REGION, STORES, Keeping


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


@pytest.fixture(scope="module", params=STORES)
def keeping(request: pytest.FixtureRequest, cloud: LocalCloud, outputs: dict[str, str]) -> Keeping:
    return STORES[request.param](cloud, outputs)


@pytest.fixture(scope="module")
def chat(cloud: LocalCloud, keeping: Keeping, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    started = Chat(cloud, keeping, tmp_path_factory.mktemp("logs"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def server(chat: Chat) -> Server:
    return chat.server()


@pytest.fixture
def room() -> str:
    return f"room-{secrets.token_hex(6)}"
