"""The API and the user pool that the tests of this folder share."""

from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.apigateway.apis import OREGON, POOL, TOKYO, api_template
from tests.local.services.apigateway.tokens import sign_in


@pytest.fixture(scope="module")
def pool(stacks: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(POOL, region=TOKYO)
    return outputs


@pytest.fixture(scope="module")
def api(stacks: Any, pool: dict[str, str]) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(api_template(pool["Issuer"], pool["Client"]), region=OREGON)
    return outputs


@pytest.fixture(scope="module")
def url(cloud: LocalCloud, api: dict[str, str]) -> str:
    return cloud.http_api_url(api["Api"], OREGON)


@pytest.fixture(scope="module")
def tokens(cloud: LocalCloud, pool: dict[str, str]) -> dict[str, str]:
    return sign_in(cloud, pool["Pool"], pool["Client"])
