"""The pytest plugin of the rehearsal: ``local_cloud`` is an account instead of the embedded cloud."""

import pytest

from tools.aws_smoke import fixtures


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where the tests run."""
    parser.addoption(
        "--aws-profile", help="Profile of the AWS configuration; by default the environment's credentials."
    )
    parser.addoption("--aws-endpoint", help="Address of an embedded cloud that stands for the account.")


def pytest_configure(config: pytest.Config) -> None:
    """Take the place of the fixture of ``cdp_constructs.testing``, which is registered before."""
    config.pluginmanager.register(fixtures, "aws-smoke-fixtures")
