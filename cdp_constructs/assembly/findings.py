"""Reads findings and acknowledgments, of cdk-nag and of the CDK itself, out of the validation report of an assembly."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPORT = "validation-report.json"
_TEMPLATES = "CloudFormation Validate"
"""As the CDK calls its own rules, which every synthesis runs."""


@dataclass(frozen=True, order=True)
class Finding:
    """A rule that a construct breaks."""

    pack: str
    """Of cdk-nag, such as AwsSolutions; CloudFormation for what the CDK finds in templates."""
    rule: str
    construct_path: str
    description: str

    def __str__(self) -> str:
        """Give one line that is enough to find and judge it."""
        return f"{self.rule} at {self.construct_path}: {self.description}"


@dataclass(frozen=True, order=True)
class AcknowledgedFinding(Finding):
    """A finding that the construct accepts, with the reason."""

    reason: str


def read_findings(assembly: Path) -> tuple[list[Finding], list[AcknowledgedFinding]]:
    """Return open and acknowledged findings of all packs that were run, sorted.

    Args:
        assembly: The directory that ``app.synth()`` wrote.

    Raises:
        FileNotFoundError: when no validation plugin ran, so that "no findings" would mean nothing.
    """
    report = json.loads((assembly / REPORT).read_text())
    findings: list[Finding] = []
    acknowledged: list[AcknowledgedFinding] = []
    for plugin in report["pluginReports"]:
        for violation, path in _places(plugin.get("violations", [])):
            rule, description = violation["ruleName"], violation["description"]
            findings.append(Finding(_pack(plugin, rule), rule, path, description))
        for violation, path in _places(plugin.get("suppressedViolations", [])):
            rule, description = violation["ruleName"], violation["description"]
            acknowledged.append(AcknowledgedFinding(_pack(plugin, rule), rule, path, description, violation["reason"]))
    return sorted(findings), sorted(acknowledged)


def _places(violations: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    for violation in violations:
        for construct in violation["violatingConstructs"]:
            yield violation, construct["constructPath"]


def _pack(plugin: dict[str, Any], rule: str) -> str:
    return "CloudFormation" if plugin["pluginName"] == _TEMPLATES else rule.partition("-")[0]
