"""The chat in two Regions, which the modules of this folder share, and who is in it."""

from collections.abc import Callable

import pytest

from cdp_constructs.local import Deployment, LocalCloud
from tests.stacks.chat.architectures import two_regions
from tests.stacks.chat.clients import Chat, Room, User


@pytest.fixture(scope="session")
def chat(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Chat:
    return Chat(local_cloud, deployed(two_regions))


@pytest.fixture(scope="session")
def stranger(chat: Chat) -> User:
    return chat.user()


@pytest.fixture
def room(chat: Chat) -> Room:
    return Room(chat)
