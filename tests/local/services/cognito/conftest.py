"""The client of Cognito that the tests of this folder share."""

from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

TOKYO = "ap-northeast-1"


@pytest.fixture(scope="module")
def cognito(cloud: LocalCloud) -> Any:
    return cloud.client("cognito-idp", region=TOKYO)
