"""Load balancers: where listeners are when the system does not give the port that they have on AWS."""

import socket
from typing import Any

import pytest

from cdp_constructs.local.services.elbv2 import listening

ADDRESS = "127.0.0.77"


@pytest.fixture
def _unprivileged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system gives no port below 1024."""
    create = socket.create_server

    def refuse(address: tuple[str, int], **options: Any) -> socket.socket:
        if 0 < address[1] < 1024:
            raise PermissionError(13, "Permission denied")
        return create(address, **options)

    monkeypatch.setattr(socket, "create_server", refuse)


@pytest.mark.usefixtures("_unprivileged")
def test_a_port_that_is_for_others_is_replaced_by_one_that_is_known() -> None:
    with listening.bind(ADDRESS, 443) as bound:
        assert bound.getsockname()[:2] == (ADDRESS, 8443)
        with listening.bind(ADDRESS, 8443) as another:  # that one is taken now
            assert another.getsockname()[1] not in {443, 8443}


def test_a_system_with_one_address_gives_a_free_port() -> None:
    with listening.bind(listening.LOOPBACK, 80) as bound:
        assert bound.getsockname()[0] == listening.LOOPBACK
        assert bound.getsockname()[1] >= 1024
