"""How several workers share the tests: which files stay together, and which come first."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from constructs import Construct
    from playwright.sync_api import Browser

    from cdp_constructs.testing.synthesis import SynthesisedArchitecture

# Neither how fast an example runs nor how fast it is made says anything on a busy machine. Whoever runs the tests of a
# commit sees what others saw; `make test-properties` looks for what nobody has seen.
settings.register_profile(
    "any machine",
    deadline=None,
    derandomize="PROPERTY_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

# Files that look at the same deployment, or at the same synthesis of a system: one worker takes them all, and makes it
# once.
_TOGETHER = {
    "tests/behaviour/stacks/chat": "chat",
    **{
        f"tests/stacks/chat/test_{name}": "templates of the chat"
        for name in ("stacks", "operations", "reading", "search", "web_stack")
    },
    **{f"tests/stacks/iot/test_{name}": "templates of the IoT system" for name in ("stacks", "operations")},
    **{f"tests/stacks/serverless/test_{name}": "templates of the price lists" for name in ("stacks", "runbooks")},
    **{
        f"tests/stacks/dojo/{board}/": "templates of the boards"
        for board in (
            *("double_hawks", "after_6", "disconnect", "elasticache", "umin_chat", "anonymous"),
            *("ichinensei", "sketch_book", "browser_only", "common_board"),
        )
    },
}

# Those that take longest first, so that no worker is left with one at the end: deployments, then the embedded cloud,
# then what is synthesised. Handlers as plain Python take next to nothing.
_LONGEST_FIRST = ("chat", "tests/behaviour", "templates", "tests/local", "tests/cli")
_LAST = "/handlers/"

# What has a target of its own, by folder.
_MARKERS = {
    "tests/local/": "conformance",
    "tests/cli/": "conformance",
    "tests/operator/": "operator",
    "tests/behaviour/servers/": "conformance",
    "tests/behaviour/stacks/": "system",
    "tests/stacks/": "system",
    "tests/security/": "security",
}


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """One browser for the session: a thread has one Playwright at a time."""
    from tests.browsers import open_browser

    with open_browser() as browser:
        yield browser


def group(test_id: str) -> str:
    """Return what stays on one worker: the test's file, or the name of several."""
    file = test_id.partition("::")[0]
    return next((name for start, name in _TOGETHER.items() if file.startswith(start)), file)


def place(item: pytest.Item) -> int:
    """Return where the test's group comes, by how long it takes, as far as its folder tells."""
    name = group(item.nodeid)
    if _LAST in name:
        return len(_LONGEST_FIRST) + 1
    return next((at for at, start in enumerate(_LONGEST_FIRST) if name.startswith(start)), len(_LONGEST_FIRST))


class GroupScheduling(LoadFileScheduling):
    """Gives a worker a whole group at a time. ``--dist loadgroup`` does nothing with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_configure() -> None:
    """Let what the tests start be interrupted: a shell that runs them in the background has all of it ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling | None:
    """Take the place of ``--dist loadfile``."""
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests of workers; who runs them in one process reads them in the order of the files."""
    for item in items:
        for folder, marker in _MARKERS.items():
            if item.nodeid.startswith(folder):
                item.add_marker(marker)
    if hasattr(config, "workerinput"):
        items.sort(key=place)


@pytest.fixture
def assert_page(pytestconfig: pytest.Config) -> "Callable[[type[Construct], SynthesisedArchitecture], None]":
    """Return a function that compares what a pattern's page says of its example with what the example became.

    Who copies the example sees no warning of the CDK's about its template either.

    ``--snapshot-update`` writes the page.
    """
    from tools.page_parts import written
    from tools.pages import with_parts
    from tools.pattern_pages import parts
    from tools.patterns import ROOT, patterns

    def check(pattern: "type[Construct]", example: "SynthesisedArchitecture") -> None:
        [listed] = [one for one in patterns() if one.name == pattern.__name__]
        page = ROOT / "docs/patterns" / listed.page
        expected = with_parts(written(page.read_text()), parts(pattern, example))
        if pytestconfig.getoption("update_snapshots"):
            page.write_text(expected)
        assert page.read_text() == expected, f"{page.relative_to(ROOT)} is stale: run `make pages`"
        assert example.findings("CloudFormation") == []

    return check
