"""`make audit`: what is vulnerable, and what could not be judged, is never taken for clean."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.audit import NOT_ASKED, NPM_LOCKS, PYTHON_LOCKS, VULNERABLE, Audit, Run, audit_npm, audit_python, status
from tools.supply_chain import ROOT


def answering(answer: object) -> Run:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return lambda _command, _folder: text


def python(*packages: dict[str, Any]) -> Audit:
    return audit_python("some.lock", "pypi", answering({"dependencies": packages, "fixes": []}))


CLEAN = {"name": "idna", "version": "3.20", "vulns": []}
BAD = {"name": "idna", "version": "3.1", "vulns": [{"id": "PYSEC-2024-60"}, {"id": "GHSA-x"}]}
SKIPPED = {"name": "attrs", "skip_reason": "Dependency not found on PyPI and could not be audited: attrs (26.1.0)"}
NPM = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 7}}}


def test_every_lock_file_of_the_project_is_audited() -> None:
    locks = {str(file.relative_to(ROOT)) for file in ROOT.glob("requirements/*.lock")}
    locks |= {str(file.relative_to(ROOT)) for file in ROOT.glob("cdp_constructs/local/process/pins/*.txt")}
    assert set(PYTHON_LOCKS) == locks
    pages = {"stacks/chat/web/package-lock.json", "stacks/dojo/browser_only/web/package-lock.json"}
    assert {str(Path(lock)) for lock in NPM_LOCKS} == {"package-lock.json", *pages}


def test_clean_packages_are_counted() -> None:
    audits = [python(CLEAN, {**CLEAN, "name": "six"}), audit_npm("package-lock.json", answering(NPM))]
    assert [(one.packages, one.vulnerable, one.not_asked) for one in audits] == [(2, (), ""), (7, (), "")]
    assert status(audits) == 0


def test_vulnerable_packages_are_named() -> None:
    found = python(CLEAN, BAD)
    assert found.vulnerable == ("idna 3.1: PYSEC-2024-60, GHSA-x",)
    npm = audit_npm("package-lock.json", answering(NPM | {"vulnerabilities": {"vite": {"severity": "high"}}}))
    assert npm.vulnerable == ("vite: high",)
    for audit in (found, npm):
        assert status([audit, python(SKIPPED)]) == VULNERABLE


@pytest.mark.parametrize(
    ("audit", "reason"),
    [
        (python(CLEAN, SKIPPED), "1 of 2 packages: Dependency not found on PyPI"),
        (audit_python("some.lock", "osv", answering("ERROR\nname does not resolve")), "name does not resolve"),
        (audit_npm("package-lock.json", answering({"message": "405 Method Not Allowed"})), "405 Method Not Allowed"),
        (audit_npm("package-lock.json", answering("")), "no answer"),
    ],
)
def test_an_answer_that_does_not_come_is_not_a_clean_one(audit: Audit, reason: str) -> None:
    assert reason in audit.not_asked
    assert status([python(CLEAN), audit]) == NOT_ASKED


def test_the_tools_are_asked_about_the_file_and_nothing_is_installed() -> None:
    asked: list[tuple[Sequence[str], Path]] = []

    def ask(command: Sequence[str], folder: Path) -> str:
        asked.append((command, folder))
        return "{}"

    audit_python(PYTHON_LOCKS[0], "osv", ask)
    audit_npm(NPM_LOCKS[1], ask)
    assert {PYTHON_LOCKS[0], "--disable-pip", "osv"} <= set(asked[0][0])
    assert (asked[1][0][:2], asked[1][1]) == (["npm", "audit"], ROOT / "stacks/chat/web")
