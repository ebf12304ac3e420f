"""The rehearsal for a real account, tried on an embedded cloud that stands for the account."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tools.aws_smoke.__main__ import FANOUT
from tools.aws_smoke.account import make_removable

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
WEBHOOK = "tests/behaviour/workflow/test_webhook_automation.py"


@pytest.fixture
def account() -> Iterator[LocalCloud]:
    with LocalCloud.start(timeout=120) as cloud:
        yield cloud


@pytest.fixture
def environment(account: LocalCloud, tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    binaries = [str(ROOT / ".venv/bin"), str(ROOT / "node_modules/.bin"), kept["PATH"]]
    own = account.root.environment(account.endpoint, "us-east-1")
    return (
        kept
        | {name: value for name, value in own.items() if name != "AWS_ENDPOINT_URL"}
        | {
            "PATH": os.pathsep.join(binaries),
            "CDK_OUTPUT": str(tmp_path / "cdk.out"),
        }
    )


def rehearse(account: LocalCloud, environment: dict[str, str], *tests: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.aws_smoke", "--endpoint", account.endpoint, *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_both_behave_alike_and_nothing_is_left(
    account: LocalCloud, environment: dict[str, str], tmp_path: Path
) -> None:
    bootstrap = ["cdk", "bootstrap", "aws://000000000000/us-east-1", "--no-notices"]
    with_endpoint = environment | {"AWS_ENDPOINT_URL": account.endpoint}
    done = subprocess.run(bootstrap, cwd=tmp_path, env=with_endpoint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ended = rehearse(
        account,
        environment,
        f"{WEBHOOK}::test_a_delivery_sent_twice_opens_one_ticket",
        f"{FANOUT}::test_an_envelope_carries_topic_and_attributes",
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 tests, 2 passed there, 0 differed" in ended.stdout
    stacks = account.client("cloudformation", "us-east-1").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]
    assert account.client("dynamodb", "us-east-1").list_tables()["TableNames"] == []
    buckets = account.client("s3", "us-east-1").list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets if not bucket["Name"].startswith("cdk-hnb659fds")] == []

    # Without its bootstrap an account refuses, and that is told as a difference.
    account.client("ssm", "us-east-1").delete_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    ended = rehearse(account, environment, f"{FANOUT}::test_an_envelope_carries_topic_and_attributes")
    assert ended.returncode == 1
    assert "embedded cloud: passed" in ended.stdout
    assert "1 tests, 0 passed there, 1 differed" in ended.stdout


def test_nothing_of_a_template_outlives_its_stack() -> None:
    replica = {"Region": "us-east-1", "DeletionProtectionEnabled": True}
    template: dict[str, Any] = {
        "Resources": {
            "Table": {"DeletionPolicy": "Retain", "Properties": {"Replicas": [replica]}},
            "Logs": {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"},
            "Queue": {"DeletionPolicy": "Delete"},
        }
    }
    assert make_removable(template)["Resources"] == {
        "Table": {
            "DeletionPolicy": "Delete",
            "Properties": {"Replicas": [{"Region": "us-east-1", "DeletionProtectionEnabled": False}]},
        },
        "Logs": {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"},
        "Queue": {"DeletionPolicy": "Delete"},
    }
