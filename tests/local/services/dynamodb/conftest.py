"""A global table of two Regions, and a client in each."""

from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.dynamodb.tables import OREGON, STACK, TOKYO, table_template


@pytest.fixture(scope="module")
def table(stacks: Any) -> str:
    outputs = stacks.deploy(table_template(TOKYO, OREGON), region=TOKYO, name=STACK)
    assert outputs["Arn"] == f"arn:aws:dynamodb:{TOKYO}:000000000000:table/{outputs['Name']}"
    assert outputs["StreamArn"].startswith(outputs["Arn"] + "/stream/")
    name: str = outputs["Name"]
    return name


@pytest.fixture
def tokyo(cloud: LocalCloud) -> Any:
    return cloud.client("dynamodb", region=TOKYO)


@pytest.fixture
def oregon(cloud: LocalCloud) -> Any:
    return cloud.client("dynamodb", region=OREGON)
