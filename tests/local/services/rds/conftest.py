"""What the tests of databases have in common."""

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.rds.connections import Api


@pytest.fixture(scope="module")
def api(cloud: LocalCloud) -> Api:
    return Api(cloud)
