"""The pytest plugin of the rehearsal: ``local_cloud`` is an account instead of the embedded cloud."""

from collections.abc import Iterator

import pytest

from tools.aws_smoke.account import AwsAccount


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where the tests run."""
    parser.addoption(
        "--aws-profile", help="Profile of the AWS configuration; by default the environment's credentials."
    )
    parser.addoption("--aws-endpoint", help="Address of an embedded cloud that stands for the account.")


class _Fixtures:
    @pytest.fixture(scope="session")
    def local_cloud(self, pytestconfig: pytest.Config) -> Iterator[AwsAccount]:
        """Return the account, and remove everything in the end."""
        account = AwsAccount(pytestconfig.getoption("aws_profile"), pytestconfig.getoption("aws_endpoint"))
        try:
            yield account
        finally:
            left = account.remove()
        if left:
            pytest.fail(f"not removed: {'; '.join(left)}")


def pytest_configure(config: pytest.Config) -> None:
    """Take the place of the fixture of ``cdp_constructs.testing``, which is registered before."""
    config.pluginmanager.register(_Fixtures(), "aws-smoke-fixtures")
