"""The commands of a pipeline's build, run in a checkout of an application as `cdp init` writes it."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from aws_cdk import App, Stack

from cdp_constructs import DeliveryPipeline, DeliveryWave
from docs.examples.delivery_pipeline import IRELAND, OrderDesk
from tests.behaviour.pipeline.builds import Tools, git
from tests.pipeline.test_delivery_pipeline import connection

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(600)]

# What CodePipeline answers to the build: the commit that was delivered last, or None as the AWS CLI writes nothing.
AWS = """\
#!/bin/sh
echo "aws $*" >> "$TOOLS_LOG"
cat "$DELIVERED_FILE"
"""

Build = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def commands() -> list[str]:
    app = App()
    stack = Stack(app, "Tools", env=IRELAND)
    waves = [DeliveryWave(name, [OrderDesk(stack, name, env=IRELAND)]) for name in ("Staging", "Ireland")]
    DeliveryPipeline(stack, "Delivery", source=connection(), staging=waves[0], production=waves[1:])
    resources = app.synth().get_stack_artifact("Tools").template["Resources"]
    (project,) = [one for name, one in resources.items() if "CdkBuildProject" in name and "Source" in one["Properties"]]
    phases: dict[str, Any] = json.loads(project["Properties"]["Source"]["BuildSpec"])["phases"]
    found: list[str] = [*phases["install"]["commands"], *phases["build"]["commands"]]
    return found


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    made = Tools(tmp_path_factory.mktemp("tools"))
    made.add("aws", AWS)
    return made


@pytest.fixture(scope="module")
def application(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    assert tools.run(["cdp init order-desk"], folder).returncode == 0
    made = folder / "order-desk"
    git(made, "init", "--quiet", "--initial-branch", "main")
    done = tools.run(["pytest -q --snapshot-update -k reviewed"], made)
    assert done.returncode == 0, done.stdout[-3000:]
    commit(made, "As it began")
    return made


def commit(folder: Path, message: str) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def build(tools: Tools, commands: list[str], application: Path, tmp_path: Path) -> Build:
    def run(delivered: str, fail_on: str = "replacement,broadening,exposure,retention,alarms") -> CompletedProcess[str]:
        file = tmp_path / "delivered"
        file.write_text(f"{delivered}\n")
        variables = {"CODEBUILD_INITIATOR": "codepipeline/Tools-Delivery", "REVIEW_FAIL_ON": fail_on}
        return tools.run(commands, application, {**variables, "DELIVERED_FILE": str(file)})

    return run


def test_the_first_build_has_nothing_to_compare_with_and_writes_an_assembly(
    build: Build, tools: Tools, application: Path
) -> None:
    done = build("None")
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "Nothing was delivered yet" in done.stdout
    assert "4 passed" in done.stdout
    assert (application / "cdk.out/OrderDeskStack.template.json").is_file()
    asked = tools.asked
    assert "pip install --editable .[test]" in asked
    assert "npx --yes aws-cdk@2.1148.1 synth --quiet" in asked
    (question,) = [one for one in asked if one.startswith("aws ")]
    assert question.startswith(
        "aws codepipeline list-pipeline-executions --no-paginate --pipeline-name Tools-Delivery "
    )


def test_what_the_review_finds_ends_the_build_before_the_tests(build: Build, tools: Tools, application: Path) -> None:
    first = git(application, "rev-parse", "HEAD")
    stack = application / "order_desk/stack.py"
    stack.write_text(
        stack.read_text().replace('sns.Topic(self, "Operators", enforce_ssl=True)', 'sns.Topic(self, "O")')
    )
    done = tools.run(["pytest -q --snapshot-update -k reviewed"], application)
    assert done.returncode == 0, done.stdout[-3000:]
    commit(application, "Anything goes")
    ended = build(first)
    assert ended.returncode == 3, ended.stdout[-2000:]
    assert " passed" not in ended.stdout
    assert " passed" in build(first, "none").stdout


def test_a_source_without_history_is_told_what_to_do(build: Build, application: Path) -> None:
    (application / ".git").rename(application / "git")
    try:
        done = build("None")
    finally:
        (application / "git").rename(application / ".git")
    assert done.returncode == 1
    assert "code_build_clone_output=True" in done.stdout
