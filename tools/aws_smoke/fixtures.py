"""The account of the rehearsal, under the name of the embedded cloud's fixture."""

from collections.abc import Iterator

import pytest

from tools.aws_smoke.account import AwsAccount


@pytest.fixture(scope="session")
def local_cloud(pytestconfig: pytest.Config) -> Iterator[AwsAccount]:
    """Return the account, and remove everything in the end."""
    account = AwsAccount(pytestconfig.getoption("aws_profile"), pytestconfig.getoption("aws_endpoint"))
    try:
        yield account
    finally:
        left = account.remove()
    if left:
        pytest.fail(f"not removed: {'; '.join(left)}")
