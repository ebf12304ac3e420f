"""The reference systems as attackers meet them: one deployment of each for the whole session.

A module per actor. `make test-security` runs them; what needs a browser has the marker `browser` as well.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import App

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture
from demo.chat.site import open_site
from demo.iot.operator import Operator
from demo.mobile.backend import Backend
from demo.mobile.phone import Phone
from stacks.chat import system as chat_system
from tests.security.devices import Devices
from tests.stacks.chat.clients import Chat, Room, User
from tests.stacks.iot.architectures import as_configured
from tests.stacks.mobile.architectures import mobile

# `make test` validates the templates and runs the packs; here only attackers judge.
os.environ.setdefault("CDK_VALIDATION", "false")


@architecture
def chat_with_everything(app: App) -> None:
    """The chat as it comes: its web client has a name, and there are notices."""
    chat_system.add_to(app, app.node.try_get_context("chat"))


@pytest.fixture(scope="session")
def nag_packs() -> Callable[[App], list[Any]]:
    return lambda _app: []


@pytest.fixture(scope="session")
def chat(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Chat:
    """The chat in two Regions."""
    return Chat(local_cloud, deployed(chat_with_everything))


@pytest.fixture(scope="session")
def site(local_cloud: LocalCloud, chat: Chat) -> str:
    """Address of the chat's web client."""
    return open_site(local_cloud, chat.deployment)


@pytest.fixture(scope="session")
def stranger(chat: Chat) -> User:
    """Somebody who has an account and is in no room."""
    return chat.user()


@pytest.fixture
def room(chat: Chat) -> Room:
    """A room of two members, known in both Regions."""
    return Room(chat)


@pytest.fixture(scope="session")
def operator(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Operator:
    """The operator of the IoT system, which is deployed."""
    return Operator(local_cloud, deployed(as_configured))


@pytest.fixture(scope="session")
def devices(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Devices:
    """The production line of the IoT system's devices."""
    return Devices(operator, tmp_path_factory.mktemp("devices"))


@pytest.fixture(scope="session")
def backend(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Backend:
    """The mobile backend, which is deployed."""
    return Backend(local_cloud, deployed(mobile))


@pytest.fixture(scope="session")
def anna(backend: Backend) -> Iterator[Phone]:
    """The phone of somebody with an account of the mobile backend."""
    with signed_in(backend) as phone:
        yield phone


@pytest.fixture(scope="session")
def ben(backend: Backend) -> Iterator[Phone]:
    """The phone of somebody else, who attacks with a good token."""
    with signed_in(backend) as phone:
        yield phone


def signed_in(backend: Backend) -> Phone:
    """Return a phone of somebody new."""
    address = f"{uuid4()}@example.com"
    backend.sign_up(address)
    return Phone(backend, address)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Search the logs when everybody else is done."""
    items.sort(key=lambda item: item.path.name == "test_logs.py")
