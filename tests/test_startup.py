"""What makes an application start quicker changes neither what is checked nor what is found."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import app
from cdp_constructs.startup import tune_node

ROOT = Path(__file__).parent.parent

# Two apps with the same mistakes, checked by the validator that was made early and by the CDK's own.
SCRIPT = """
import json, sys
from pathlib import Path
import app
from cdp_constructs.startup import load_template_validator, tune_node
tune_node()
import jsii
from aws_cdk import App, CfnResource, Stack, Validations

class Counted:
    def __init__(self, provider):
        self.provider, self.calls = provider, []
    def __getattr__(self, name):
        self.calls.append(name)
        return getattr(self.provider, name)

counted = Counted(jsii.kernel.provider)
jsii.kernel.provider = counted
validator = load_template_validator(*app.IMPORTED_MEANWHILE["chat"])
jsii.kernel.provider = counted.provider

def report(*plugins):
    context = {f"@aws-cdk/core:{key}": value for key, value in {
        "validateAgainstDefaultRules": True,
        "failSynthOnValidationErrors": False,
        "validationReportPrettyPrint": False,
    }.items()}
    application = App(context=context)
    stack = Stack(application, "Wrong")
    CfnResource(stack, "Queue", type="AWS::SQS::Queue", properties={"DelaySeconds": "soon", "NoSuch": 1})
    if plugins:
        Validations.of(application).add_plugins(*plugins)
    return json.loads(Path(application.synth().directory, "validation-report.json").read_text())["pluginReports"]

print("RESULT", json.dumps({"calls": counted.calls, "early": report(validator), "built_in": report()}))
"""


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "NODE_OPTIONS": "--stack-trace-limit=20"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return dict(json.loads(line.removeprefix("RESULT ")))


def findings(reports: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(report["pluginName"], violation["ruleName"]) for report in reports for violation in report["violations"]]


def test_the_early_validator_finds_what_the_built_in_one_finds(result: dict[str, Any]) -> None:
    assert findings(result["early"]) == findings(result["built_in"])
    assert len(findings(result["early"])) >= 2


def test_what_is_imported_meanwhile_leaves_node_to_the_validator(result: dict[str, Any]) -> None:
    assert result["calls"] == ["create"]


def test_node_cannot_be_tuned_once_it_runs() -> None:
    import aws_cdk  # noqa: F401 - starts Node

    with pytest.raises(RuntimeError, match="before the first import of aws_cdk"):
        tune_node()


def test_options_that_node_has_already_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jsii", raising=False)
    monkeypatch.setenv("NODE_OPTIONS", "--max-semi-space-size=8")
    tune_node()
    assert os.environ["NODE_OPTIONS"].endswith(" --max-semi-space-size=8")


@pytest.mark.parametrize("name", app.SYSTEMS)
def test_a_system_imports_no_module_early_that_it_does_not_need(name: str) -> None:
    script = f"import sys, {app.SYSTEMS[name]}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(app.IMPORTED_MEANWHILE[name]) <= set(done.stdout.split())
