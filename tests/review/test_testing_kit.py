"""Cards in the tests of somebody's application."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

APPLICATION = """
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_sqs as sqs


def test_card(assert_card):
    stack = Stack(App(), "Shop")
    sqs.Queue(stack, "Orders", visibility_timeout=Duration.seconds({seconds}))
    assert_card(stack)
"""


def run_tests(folder: Path, seconds: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the application's test with the plugins that it needs, of this source tree."""
    (folder / "test_shop.py").write_text(APPLICATION.format(seconds=seconds))
    plugins = ("-p", "syrupy", "-p", "cdp_constructs.testing.plugin")
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "--rootdir", str(folder), *arguments, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


def test_a_card_is_committed_and_compared(tmp_path: Path) -> None:
    assert run_tests(tmp_path, 60, "--snapshot-update").returncode == 0
    [card] = tmp_path.rglob("__snapshots__/**/*.txt")
    assert card.read_text().startswith("Shop\n  passes on 1 queue\n")
    changed = run_tests(tmp_path, 90)
    assert changed.returncode == 1
    assert "visible again after 90 seconds: Orders" in changed.stdout
