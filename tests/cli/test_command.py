"""`cdp` as one tool: what its help says, its version, and what shells complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdp_constructs import __version__

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-m", "cdp_constructs.cli"]


def _cdp(*arguments: str, **variables: str) -> str:
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        [*PYTHON, *arguments], env=environment, check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout


def test_help_puts_commands_together_by_what_they_are_for() -> None:
    text = _cdp("--help")
    panels = ["An application, and its reviews", "A deployed stack, here or on AWS", "On this machine"]
    commands = [
        ["init", "card", "review", "judge"],
        ["logs", "trace", "resource", "output", "dead-letters"],
        ["local"],
    ]
    assert "Usage: cdp " in text
    places = [text.index(panel) for panel in panels] + [len(text)]
    for number, names in enumerate(commands):
        part = text[places[number] : places[number + 1]]
        listed = [line.split()[1] for line in part.splitlines()[1:] if line.startswith("│ ") and line[2] != " "]
        assert listed == names


def test_version() -> None:
    assert _cdp("--version") == f"{__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cdp rev", {"review"}),
        ("cdp local ", {"up", "down", "install", "install-node-sdk"}),
        ("cdp card --fo", {"--format"}),
    ],
)
def test_bash_completes_commands_and_options(words: str, expected: set[str]) -> None:
    place = str(len(words.split(" ")) - 1)
    completed = _cdp(_CDP_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=place)
    assert set(completed.split()) == expected


def test_zsh_completes_commands_with_what_they_do() -> None:
    completed = _cdp(_CDP_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="cdp local d")
    assert '"down"' in completed
    assert "Stop the embedded cloud" in completed
    assert "install" not in completed


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_of_a_shell_asks_cdp(shell: str) -> None:
    script = _cdp(_CDP_COMPLETE=f"source_{shell}")
    assert f"_CDP_COMPLETE=complete_{shell}" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, check=True, text=True)
    else:
        assert script.lstrip().startswith("#compdef cdp")
