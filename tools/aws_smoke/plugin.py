"""The pytest plugin of the rehearsal: ``local_cloud`` is an account instead of the embedded cloud."""

import signal

import pytest

from tools.aws_smoke import fixtures
from tools.aws_smoke.account import AwsAccount


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where the tests run."""
    parser.addoption("--aws-profile", help="Profile of the AWS configuration.")
    parser.addoption("--aws-endpoint", help="Address of an embedded cloud that stands for the account.")
    parser.addoption("--aws-reason", help="File that gets why the account is not used, or what was not removed.")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Read the AWS configuration now: the project's conftest.py takes it away from all tests."""
    given = early_config.known_args_namespace
    early_config.stash[fixtures.ACCOUNT] = AwsAccount(given.aws_profile, given.aws_endpoint)


def pytest_configure(config: pytest.Config) -> None:
    """Take the place of the fixture of ``cdp_constructs.testing``, which is registered before."""
    config.pluginmanager.register(fixtures, "aws-smoke-fixtures")
    # Whoever ends the run in this way wants everything removed, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
