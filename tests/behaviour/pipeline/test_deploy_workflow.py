"""The workflows that `cdp init --github` writes, run job by job: their commands, with tokens in the place of keys."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs import GitHubDeployRole
from cdp_constructs.local import LocalCloud
from tests.behaviour.pipeline.builds import Tools, git
from tests.behaviour.pipeline.runner import Runner, token

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(900)]

REPOSITORY = "example/order-desk"
VIRGINIA, IRELAND, TOKYO = "us-east-1", "eu-west-1", "ap-northeast-1"
REGIONS = {"staging": VIRGINIA, f"production-{IRELAND}": IRELAND, f"production-{TOKYO}": TOKYO}
ACCOUNT = "000000000000"
STACK = "OrderDeskStack"
# `gh` knows the runs that succeeded, and their artifacts.
GH = """\
#!/bin/sh
case "$1 $2" in
"run list")
  last=$(tail -n 1 "$GH_RUNS/runs")
  [ -z "$last" ] || printf 'run=%s\\ncommit=%s\\n' "${last% *}" "${last#* }";;
"run download")
  cp -R "$GH_RUNS/artifacts/$3/$5" "$7";;
*) exit 1;;
esac
"""


class Team:
    """An application as `cdp init` writes it, in a repository, with its environments."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.cloud, self._folder = cloud, folder
        self.tools = Tools(folder)
        self.tools.add("gh", GH)
        self._runs = folder / "runs"
        self._runs.write_text("")
        self._number = 0
        self.runner = Runner(cloud, self.tools, folder, repository=REPOSITORY)
        self.runner.environment = {"GH_RUNS": str(folder), "SMOKE_TEST_SECONDS": "0"}
        self._root = dict(cloud.root.environment(cloud.endpoint, IRELAND))
        self.run(f"cdp init order-desk --github {REPOSITORY}", folder)
        self.source = folder / "order-desk"
        # There is one account here: staging gets a Region of its own, as a user writes it.
        for name, old in (("deploy_roles.py", '"staging": '), (".github/workflows/deploy.yml", "staging, region: ")):
            file = self.source / name
            text = file.read_text()
            assert re.search(f'{old}"?{IRELAND}', text)
            file.write_text(re.sub(f'({old}"?){IRELAND}', rf"\g<1>{VIRGINIA}", text))
        git(self.source, "init", "--quiet", "--initial-branch", "main")
        self.run("pytest -q --snapshot-update", self.source)
        self.commit("As it began")

    def run(self, command: str, folder: Path) -> None:
        done = self.tools.run([command], folder, self._root)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]

    def commit(self, message: str) -> None:
        git(self.source, "add", ".")
        git(self.source, "commit", "--quiet", "--message", message)

    def set_up(self) -> None:
        """Do what the README says, once."""
        places = " ".join(f"aws://{ACCOUNT}/{region}" for region in (VIRGINIA, IRELAND, TOKYO))
        self.run(f"cdk bootstrap --app '' {places}", self._folder)
        # Into each environment goes the ARN of its role.
        command = "npx aws-cdk@2.1148.1 deploy --app 'python3 deploy_roles.py' --require-approval never"
        self.run(f"{command} --outputs-file roles.json --output roles.out", self.source)
        (outputs,) = json.loads((self.source / "roles.json").read_text()).values()
        for environment in REGIONS:
            arn = outputs[f"{environment.replace('-', '')}rolearn"]
            self.runner.variables[environment] = {"DEPLOY_ROLE_ARN": arn}
        (self.source / "roles.json").unlink()
        shutil.rmtree(self.source / "roles.out")

    def deliver(self, **options: Any) -> dict[str, str]:
        """Push: the workflow runs for the last commit."""
        self._number += 1
        results = self.runner.run(self.source, str(self._number), **options)
        if set(results.values()) == {"success"}:
            with self._runs.open("a") as runs:
                runs.write(f"{self._number} {git(self.source, 'rev-parse', 'HEAD')}\n")
        return results

    def change(self, old: str, new: str) -> None:
        """Commit a change of the stack, with its snapshots."""
        file = self.source / "order_desk/stack.py"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))
        self.run("pytest -q --snapshot-update -k reviewed", self.source)
        self.commit(f"{old} becomes {new}")

    def subscribe(self, name: str) -> None:
        """Commit one subscriber more."""
        output = "        CfnOutput("
        self.change(output, f'        self.messages.add_subscriber("{name}")\n{output}')

    def subscribers(self) -> dict[str, int]:
        """Return how many subscribers the topic has in each Region; nothing where nothing is deployed."""
        found = {}
        for region in REGIONS.values():
            stacks = self.cloud.client("cloudformation", region).describe_stacks()["Stacks"]
            outputs = [stack["Outputs"] for stack in stacks if stack["StackName"] == STACK]
            for one in [one for listed in outputs for one in listed if one["OutputKey"] == "TopicArn"]:
                topic = self.cloud.client("sns", region)
                found[region] = len(topic.list_subscriptions_by_topic(TopicArn=one["OutputValue"])["Subscriptions"])
        return found


@pytest.fixture(scope="module")
def own_cloud() -> Any:
    """A cloud of its own: what other tests bootstrapped is none of the story."""
    with LocalCloud.start() as local_cloud:
        yield local_cloud


@pytest.fixture(scope="module")
def team(own_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Team:
    team = Team(own_cloud, tmp_path_factory.mktemp("team"))
    team.set_up()
    return team


def test_pushes_reach_every_region_or_stop_where_they_fail(team: Team) -> None:
    """One story: each push finds what those before it left."""
    assert GitHubDeployRole.__name__ in (team.source / "deploy_roles.py").read_text()
    first = team.deliver()
    assert set(first.values()) == {"success"}, first
    assert list(first) == ["build", *REGIONS]
    assert team.subscribers() == {VIRGINIA: 1, IRELAND: 1, TOKYO: 1}
    assert [one for one in team.tools.asked if one.startswith(("pip", "mypy"))] == ["pip install -e .[test]", "mypy "]

    team.subscribe("Search")
    rejected = team.deliver(approve=lambda environment: environment == "staging")
    assert rejected == {
        "build": "success",
        "staging": "success",
        f"production-{IRELAND}": "rejected",
        f"production-{TOKYO}": "skipped",
    }
    assert team.subscribers() == {VIRGINIA: 2, IRELAND: 1, TOKYO: 1}

    with raised_alarm(team, region=IRELAND) as alarm:
        unwell = team.deliver()
    assert unwell["staging"] == "success"
    assert f"Raised: {alarm}" in unwell[f"production-{IRELAND}"], unwell
    assert unwell[f"production-{TOKYO}"] == "skipped"
    assert "gh run download" in team.runner.ran[-1]
    assert team.subscribers() == {VIRGINIA: 2, IRELAND: 1, TOKYO: 1}, "Ireland has what it had, Tokyo is not touched"

    team.change('Topic(self, "Operators", enforce_ssl=True)', 'Topic(self, "Operators")')
    stopped = team.deliver()
    assert "Review what changed since then" in stopped["build"], stopped
    assert set(list(stopped.values())[1:]) == {"skipped"}
    assert team.subscribers() == {VIRGINIA: 2, IRELAND: 1, TOKYO: 1}


@contextmanager
def raised_alarm(team: Team, *, region: str) -> Iterator[str]:
    """Raise an alarm of the stack, as far as its name tells."""
    name = f"{STACK}-raised-by-the-test"
    cloudwatch = team.cloud.client("cloudwatch", region)
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Test",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        TreatMissingData="breaching",
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="orders fail")
    yield name
    cloudwatch.delete_alarms(AlarmNames=[name])


@pytest.mark.parametrize(
    "subject",
    [
        f"repo:{REPOSITORY}:environment:staging",
        f"repo:{REPOSITORY}:ref:refs/heads/main",
        f"repo:{REPOSITORY}:pull_request",
        f"repo:stranger/order-desk:environment:production-{IRELAND}",
        f"repo:{REPOSITORY}-fork:environment:production-{IRELAND}",
    ],
)
def test_a_token_of_anything_else_is_refused(team: Team, subject: str) -> None:
    role = team.runner.variables[f"production-{IRELAND}"]["DEPLOY_ROLE_ARN"]
    assume(team.cloud, role, f"repo:{REPOSITORY}:environment:production-{IRELAND}")
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(team.cloud, role, subject)
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(team.cloud, role, f"repo:{REPOSITORY}:environment:production-{IRELAND}", audience="elsewhere")


def assume(cloud: LocalCloud, role: str, subject: str, audience: str = "sts.amazonaws.com") -> dict[str, Any]:
    given = token(subject, audience)
    sts = cloud.client("sts", IRELAND)
    answer = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="job", WebIdentityToken=given)
    found: dict[str, Any] = answer["Credentials"]
    return found


def test_the_role_reaches_its_own_region_and_nothing_without_the_roles_of_bootstrap(team: Team) -> None:
    environment = f"production-{IRELAND}"
    session = assume(
        team.cloud,
        team.runner.variables[environment]["DEPLOY_ROLE_ARN"],
        f"repo:{REPOSITORY}:environment:{environment}",
    )
    sts = team.cloud.client("sts", IRELAND, session)
    bootstrap = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds"
    sts.assume_role(RoleArn=f"{bootstrap}-deploy-role-{ACCOUNT}-{IRELAND}", RoleSessionName="deploy")
    for other in (f"{bootstrap}-deploy-role-{ACCOUNT}-{TOKYO}", f"{bootstrap}-cfn-exec-role-{ACCOUNT}-{IRELAND}"):
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(RoleArn=other, RoleSessionName="deploy")
    with pytest.raises(ClientError, match="AccessDenied"):
        team.cloud.client("cloudformation", IRELAND, session).describe_stacks()
    with pytest.raises(ClientError, match="AccessDenied"):
        team.cloud.client("s3", IRELAND, session).list_buckets()
