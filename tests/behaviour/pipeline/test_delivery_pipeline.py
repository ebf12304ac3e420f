"""What DeliveryPipeline does with commits, played by its template: good, bad, and approved by nobody."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cdp_constructs import DeliveryPipeline
from cdp_constructs.local import LocalCloud
from tests.behaviour.pipeline.builds import ROOT, Tools
from tests.behaviour.pipeline.player import ACCOUNT, Player

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(600)]

IRELAND, TOKYO = "eu-west-1", "ap-northeast-1"
WAVES = {"Staging": IRELAND, "Ireland": IRELAND, "Tokyo": TOKYO}
STAGES = ["Source", "Build", "UpdatePipeline", "Assets", "Staging", "Approval", "Ireland", "Tokyo"]

APPLICATION = f'''
"""The pipeline of the documentation's example, in one account, for the release that this commit has."""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs, pipelines
from cdp_constructs import {DeliveryPipeline.__name__}, DeliveryWave, SmokeTest
from docs.examples.delivery_pipeline import CONNECTION, OrderDesk

commit = json.loads(Path("commit.json").read_text())
app = cdk.App()
stack = cdk.Stack(app, "Tools", env=cdk.Environment(account="{ACCOUNT}", region="{IRELAND}"))


def wave(name, region):
    env = cdk.Environment(account="{ACCOUNT}", region=region)
    desk = OrderDesk(stack, name, env=env, release=commit["release"])
    if commit.get("broken") == name:
        # CloudFormation fails on it after it has changed the function.
        application = desk.node.find_child("OrderDesk")
        wrong = sqs.CfnQueue(application, "Wrong", visibility_timeout=999_999)
        wrong.node.add_dependency(application.node.find_child("Desk"))
    # A script of the commit: commands here are part of the pipeline, which would change with them.
    return DeliveryWave(name, [desk], smoke_test=SmokeTest([f"sh smoke.sh {{name}}"], outputs={{"URL": desk.url}}))


{DeliveryPipeline.__name__}(
    stack,
    "Delivery",
    source=pipelines.CodePipelineSource.connection("example/order-desk", "main", connection_arn=CONNECTION),
    staging=wave("Staging", "{IRELAND}"),
    production=[wave("Ireland", "{IRELAND}"), wave("Tokyo", "{TOKYO}")],
    install_commands=[],
    build_commands=["npx --yes aws-cdk@2.1148.1 synth --quiet"],
    review_fail_on=[],
)
app.synth()
'''
SMOKE_TEST = """\
set -e
ANSWER=$(curl --fail --silent --show-error "$URL")
grep --quiet "\\"release\\": \\"$ANSWER\\"" commit.json
! grep --quiet "\\"refuses\\": \\"$1\\"" commit.json
"""


class Team:
    """Commits, and looks at what answers where."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self._cloud, self._folder = cloud, folder
        self._tools = Tools(folder)
        self._player = Player(cloud, self._tools, folder / "executions", stack="Tools", home=IRELAND)
        self.source = folder / "source"
        self.source.mkdir()
        (self.source / "app.py").write_text(APPLICATION)
        (self.source / "smoke.sh").write_text(SMOKE_TEST)
        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        # It would find what only CloudFormation is to find.
        del context["@aws-cdk/core:validateAgainstDefaultRules"]
        (self.source / "cdk.json").write_text(json.dumps({"app": "python app.py", "context": context}))
        environments = [f"aws://{ACCOUNT}/{region}" for region in (IRELAND, TOKYO)]
        environment = dict(cloud.root.environment(cloud.endpoint, IRELAND))
        done = self._tools.run([f"cdk bootstrap --app '' {' '.join(environments)}"], folder, environment)
        assert done.returncode == 0, done.stderr[-3000:]

    def commit(self, release: str, *, approve: bool = True, **what: Any) -> Any:
        """Commit a release, and let the pipeline deliver it."""
        (self.source / "commit.json").write_text(json.dumps({"release": release, **what}))
        return self._player.execute(self.source, self._template(), approve=approve)

    def _template(self) -> dict[str, Any]:
        """Return the pipeline as somebody deployed it by hand, once."""
        made = self._folder / "deployed" / "Tools.template.json"
        if not made.exists():
            done = self._tools.run([f"cdk synth --quiet --output {made.parent}"], self.source)
            assert done.returncode == 0, done.stderr[-3000:]
        found: dict[str, Any] = json.loads(made.read_text())
        return found

    def answers(self) -> dict[str, str | None]:
        """Return which release answers in each wave; None where nothing is deployed."""
        return {name: self._release(name, region) for name, region in WAVES.items()}

    def _release(self, name: str, region: str) -> str | None:
        stacks = self._cloud.client("cloudformation", region).describe_stacks()["Stacks"]
        outputs = [stack.get("Outputs", []) for stack in stacks if stack["StackName"] == f"{name}-OrderDesk"]
        urls = [one["OutputValue"] for found in outputs for one in found if one["OutputKey"] == "Url"]
        if not urls:
            return None
        host = urlsplit(urls[0]).hostname or ""
        return httpx.get(f"{self._cloud.http_api_url(host.partition('.')[0])}/").text

    def updates(self, name: str) -> int:
        """Return how many times the stack of a wave was changed."""
        events = self._cloud.client("cloudformation", WAVES[name]).describe_stack_events(StackName=f"{name}-OrderDesk")
        return sum(
            event["ResourceType"] == "AWS::CloudFormation::Stack" and event["ResourceStatus"].endswith("_IN_PROGRESS")
            for event in events["StackEvents"]
        )


@pytest.fixture
def team(local_cloud: LocalCloud, tmp_path: Path) -> Team:
    return Team(local_cloud, tmp_path)


def test_commits_reach_every_region_or_stop_where_they_fail(team: Team) -> None:
    """One story: each commit finds what those before it left."""
    first = team.commit("1")
    assert first.status == "Succeeded", first.reason
    assert list(first.stages) == STAGES
    assert team.answers() == {"Staging": "1", "Ireland": "1", "Tokyo": "1"}

    rejected = team.commit("2", approve=False)
    assert (rejected.status, list(rejected.stages)[-1]) == ("Failed", "Approval")
    assert team.answers() == {"Staging": "2", "Ireland": "1", "Tokyo": "1"}

    untouched = team.updates("Tokyo")
    broken = team.commit("3", broken="Ireland")
    assert (broken.status, list(broken.stages.items())[-1]) == ("Failed", ("Ireland", "RolledBack")), broken.reason
    assert team.answers() == {"Staging": "3", "Ireland": "1", "Tokyo": "1"}
    assert team.updates("Tokyo") == untouched, "the second Region is not touched when the first one fails"

    refused = team.commit("4", refuses="Ireland")
    assert (refused.status, list(refused.stages.items())[-1]) == ("Failed", ("Ireland", "RolledBack")), refused.reason
    assert "SmokeTest" in refused.reason
    assert team.answers() == {"Staging": "4", "Ireland": "1", "Tokyo": "1"}
    assert team.updates("Tokyo") == untouched

    last = team.commit("5")
    assert last.status == "Succeeded", last.reason
    assert team.answers() == {"Staging": "5", "Ireland": "5", "Tokyo": "5"}
