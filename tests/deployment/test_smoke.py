"""The rehearsal for a real account, tried on an embedded cloud that stands for the account."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tools.aws_smoke.__main__ import DIFFERED, FANOUT, INTERRUPTED, NOT_RUN
from tools.aws_smoke.removal import make_removable

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
WEBHOOK = "tests/behaviour/workflow/test_webhook_automation.py"
ENVELOPE = f"{FANOUT}::test_an_envelope_carries_topic_and_attributes"
REGION = "us-east-1"

Environment = dict[str, str]


@pytest.fixture(scope="module")
def account() -> Iterator[LocalCloud]:
    with LocalCloud.start(timeout=120) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def environment(account: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The shell of somebody with three profiles, of which one has credentials of an account that is bootstrapped."""
    folder = tmp_path_factory.mktemp("aws")
    key = account.root
    (folder / "config").write_text("[profile rehearsal]\nregion = eu-west-1\n[profile empty]\nregion = eu-west-1\n")
    (folder / "credentials").write_text(
        f"[rehearsal]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret_access_key}\n"
        "[stranger]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = stranger\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    found = kept | {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": os.pathsep.join([str(ROOT / ".venv/bin"), str(ROOT / "node_modules/.bin"), kept["PATH"]]),
        "CDK_OUTPUT": str(folder / "cdk.out"),
    }
    with_endpoint = found | {"AWS_ENDPOINT_URL": account.endpoint}
    bootstrap = ["cdk", "bootstrap", f"aws://000000000000/{REGION}", "--no-notices", "--profile", "rehearsal"]
    done = subprocess.run(bootstrap, cwd=folder, env=with_endpoint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return found


@pytest.fixture
def begin(account: LocalCloud, environment: Environment) -> Callable[..., subprocess.Popen[str]]:
    def start(*arguments: str, profile: str | None = "rehearsal") -> subprocess.Popen[str]:
        chosen = ["--profile", profile] if profile else []
        command = [sys.executable, "-m", "tools.aws_smoke", *chosen, "--endpoint", account.endpoint, *arguments]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.fixture
def rehearse(begin: Callable[..., subprocess.Popen[str]]) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str, profile: str | None = "rehearsal") -> tuple[int, str]:
        process = begin(*arguments, profile=profile)
        output, errors = process.communicate()
        return process.returncode, output + errors

    return run


Rehearse = Callable[..., tuple[int, str]]


def stacks(account: LocalCloud) -> list[str]:
    found = account.client("cloudformation", REGION).describe_stacks()["Stacks"]
    return [stack["StackName"] for stack in found if stack["StackName"] != "CDKToolkit"]


def assert_nothing_is_left(account: LocalCloud) -> None:
    assert stacks(account) == []
    assert account.client("dynamodb", REGION).list_tables()["TableNames"] == []
    buckets = account.client("s3", REGION).list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets if not bucket["Name"].startswith("cdk-hnb659fds")] == []
    groups = account.client("logs", REGION).describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == []


def test_both_behave_alike_and_nothing_is_left(account: LocalCloud, rehearse: Rehearse) -> None:
    status, output = rehearse(f"{WEBHOOK}::test_a_delivery_sent_twice_opens_one_ticket", ENVELOPE)
    assert status == 0, output
    assert "2 tests, 2 passed there, 0 differed" in output
    assert_nothing_is_left(account)


def test_a_difference_is_told_and_nothing_is_left(account: LocalCloud, rehearse: Rehearse) -> None:
    with account.inject_fault("sns", REGION, operation="Publish"):
        status, output = rehearse(ENVELOPE)
    assert status == DIFFERED, output
    assert "embedded cloud: passed" in output
    assert "1 tests, 0 passed there, 1 differed" in output
    assert_nothing_is_left(account)


def test_a_deployment_that_fails_is_told_and_nothing_is_left(account: LocalCloud, rehearse: Rehearse) -> None:
    with account.inject_fault("cloudformation", REGION, operation="ExecuteChangeSet"):
        status, output = rehearse(ENVELOPE)
    assert status == DIFFERED, output
    assert "the deployment failed" in output
    assert "1 tests, 0 passed there, 1 differed" in output
    assert_nothing_is_left(account)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_leaves_nothing(
    account: LocalCloud, begin: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    process = begin(ENVELOPE)
    try:
        until = time.monotonic() + 120
        while "SnsSqsFanoutShop" not in stacks(account):
            assert time.monotonic() < until, "nothing was deployed"
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        # A terminal interrupts all programs of a command.
        kill = os.killpg if number is signal.SIGINT else os.kill
        kill(process.pid, number)
        _, errors = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, errors) == (INTERRUPTED, "aws-smoke: interrupted; everything was removed\n")
    assert_nothing_is_left(account)


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (None, "make aws-smoke PROFILE=name"),
        ("nobody", "The config profile (nobody) could not be found"),
        ("empty", "the profile empty has no credentials"),
        ("stranger", "the credentials of the profile stranger are refused"),
    ],
)
def test_without_credentials_nothing_begins(rehearse: Rehearse, profile: str | None, reason: str) -> None:
    status, output = rehearse(ENVELOPE, profile=profile)
    assert status == NOT_RUN
    assert reason in output
    assert output.count("\n") == 1, output


def test_stacks_that_the_account_has_already_are_not_touched(account: LocalCloud, rehearse: Rehearse) -> None:
    cloudformation = account.client("cloudformation", REGION)
    template = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    cloudformation.create_stack(StackName="SnsSqsFanoutShop", TemplateBody=template)
    try:
        status, output = rehearse(ENVELOPE)
        assert status == NOT_RUN, output
        assert "has stacks of these names in us-east-1 already, and keeps them: SnsSqsFanoutShop" in output
        assert stacks(account) == ["SnsSqsFanoutShop"]
    finally:
        cloudformation.delete_stack(StackName="SnsSqsFanoutShop")


def test_an_account_that_is_not_bootstrapped_is_told_how(account: LocalCloud, rehearse: Rehearse) -> None:
    ssm = account.client("ssm", REGION)
    name = "/cdk-bootstrap/hnb659fds/version"
    version = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    try:
        status, output = rehearse(ENVELOPE)
    finally:
        ssm.put_parameter(Name=name, Value=version, Type="String")
    assert status == NOT_RUN
    assert "run cdk bootstrap aws://000000000000/us-east-1 --profile rehearsal" in output


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
