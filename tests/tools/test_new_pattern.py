"""`make pattern` writes a pattern that synthesises, passes its own tests, and lacks nothing but its content."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.new_pattern.__main__ import add
from tools.patterns import ROOT, lacking, patterns

pytestmark = pytest.mark.packaging

COPIED = (
    "cdp_constructs",
    "docs",
    "tools",
    "tests/conftest.py",
    "tests/queues.py",
    "conftest.py",
    "README.md",
    "CHANGELOG.md",
    "cdk.json",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with one pattern more."""
    root = tmp_path_factory.mktemp("project")
    for name in COPIED:
        (root / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    shutil.copy(ROOT / "pyproject.toml", root / "pyproject.toml")
    add("upload", "VirusScan", root)
    return root


def run(tree: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "CDK_VALIDATION": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_own_tests_pass_also_on_the_embedded_cloud(tree: Path) -> None:
    run(tree, "pytest", "-q", "-n", "0", "--snapshot-update", "tests/upload/test_virus_scan.py")
    [pattern] = [pattern for pattern in patterns(tree) if pattern.name == "VirusScan"]
    assert lacking(pattern, tree) == []


def test_it_is_formatted_and_follows_the_rules(tree: Path) -> None:
    written = ["cdp_constructs/upload", "docs/examples/virus_scan.py", "tests/upload/test_virus_scan.py"]
    run(tree, "ruff", "check", *written)
    run(tree, "ruff", "format", "--check", *written)


def test_it_is_exported_listed_and_in_the_changelog(tree: Path) -> None:
    assert '"VirusScan": "cdp_constructs.upload.virus_scan"' in (tree / "cdp_constructs/_exports.py").read_text()
    assert "docs/patterns/virus-scan.md" in (tree / "README.md").read_text()
    assert "- Pattern `VirusScan`." in (tree / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("family", "name", "problem"),
    [
        ("uploads", "VirusScan", "FAMILY is 'uploads'"),
        ("upload", "virus_scan", "NAME is 'virus_scan'"),
        ("upload", "DirectObjectUpload", r"cdp_constructs/upload/direct_object_upload\.py is there already"),
    ],
)
def test_what_cannot_be_used_is_refused(family: str, name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        add(family, name)
