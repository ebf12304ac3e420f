"""The account of the rehearsal, under the name of the embedded cloud's fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_constructs.testing import Synthesis, architectures
from tools.aws_smoke.account import AwsAccount
from tools.aws_smoke.errors import REFUSED, RefusedError


@pytest.fixture(scope="session")
def local_cloud(request: pytest.FixtureRequest, synthesis: Synthesis) -> Iterator[AwsAccount]:
    """Return the account, and remove everything in the end."""
    account: AwsAccount = request.config.stash[ACCOUNT]
    try:
        account.check(_stacks(request.session, synthesis))
    except RefusedError as refusal:
        Path(request.config.getoption("aws_reason")).write_text(str(refusal))
        pytest.exit(str(refusal), returncode=REFUSED)
    try:
        yield account
    finally:
        left = account.remove()
    if left:
        reason = f"not removed: {'; '.join(left)}"
        Path(request.config.getoption("aws_reason")).write_text(reason)
        pytest.fail(reason)


ACCOUNT = pytest.StashKey[AwsAccount]()


def _stacks(session: pytest.Session, synthesis: Synthesis) -> list[str]:
    """Return the names of the stacks of the tests' modules."""
    modules = {id(module): module for item in session.items if (module := getattr(item, "module", None))}
    builds = {id(member.build): member.build for member in architectures.registered}
    found = {id(value) for module in modules.values() for value in vars(module).values()}
    chosen = [build for key, build in builds.items() if key in found]
    return sorted({name for build in chosen for name in synthesis(build).template_files})
