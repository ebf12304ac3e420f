"""What the plugin costs a pytest run that has nothing to do with the CDK."""

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_RUNS = 5
_MOST_SECONDS = 0.05
_SLACK_SECONDS = 0.1
"""What other processes of the machine, which share its caches, may add to the median of five."""

REPORT = """
import sys
FOREIGN = {"aws_cdk", "boto3", "cdk_nag", "constructs", "jsii"}
def pytest_sessionfinish(session):
    loaded = {name for name, module in sys.modules.items() if module is not None}
    print("FOREIGN", *sorted(FOREIGN & {name.partition(".")[0] for name in loaded}))
    kit = ("cdp_constructs.local", "cdp_constructs.testing.")
    print("KIT", *sorted(name for name in loaded if name.startswith(kit)))
"""


def pytest_run(folder: Path, *arguments: str, before: str = "") -> str:
    """Run pytest in a folder with one test that needs no CDK, with the plugin of this source tree only."""
    (folder / "test_nothing.py").write_text("def test_nothing():\n    assert True\n")
    (folder / "conftest.py").write_text(REPORT)
    program = f"import sys\n{before}\nimport pytest\nsys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "-q", "-s", "--rootdir", str(folder), *arguments, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr
    return ended.stdout


PLUGIN = ("-p", "cdp_constructs.testing.plugin")


def test_the_plugin_imports_neither_the_cdk_nor_the_embedded_cloud(tmp_path: Path) -> None:
    out = pytest_run(tmp_path, "-p", "syrupy", *PLUGIN)
    assert "FOREIGN\n" in out
    assert "KIT cdp_constructs.testing.fixtures cdp_constructs.testing.plugin\n" in out


@pytest.mark.parametrize("missing", ["cdk_nag", "syrupy"])
def test_without_the_extra_it_does_nothing(tmp_path: Path, missing: str) -> None:
    out = pytest_run(tmp_path, *PLUGIN, before=f"sys.modules[{missing!r}] = None")
    assert "FOREIGN\n" in out
    assert "KIT cdp_constructs.testing.plugin\n" in out
    assert (
        "cdk_json"
        not in subprocess.run(
            [
                sys.executable,
                "-c",
                f"import sys; sys.modules[{missing!r}] = None; import pytest; pytest.main(sys.argv[1:])",
                *("--help", *PLUGIN),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            check=True,
        ).stdout
    )


def processor_seconds() -> float:
    """What processes that were started here have used until now; unlike the clock, others' work does not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_plugin_costs_a_pytest_run_less_than_50_ms(tmp_path: Path) -> None:
    seconds: dict[tuple[str, ...], list[float]] = {(): [], PLUGIN: []}
    for _ in range(_RUNS):
        for arguments, measured in seconds.items():  # in turns, so that both meet the same machine
            started = processor_seconds()
            pytest_run(tmp_path, *arguments)
            measured.append(processor_seconds() - started)
    assert statistics.median(seconds[PLUGIN]) - statistics.median(seconds[()]) < _MOST_SECONDS + _SLACK_SECONDS
