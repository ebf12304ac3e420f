"""Times whole synthesis processes in turn: the same jobs, written in four ways and started alike.

Processes run A B C A B C …, so that a machine that becomes slower slows all of them. Each is plainly started: no
setting of Node, jsii or Python. TypeScript was compiled before, as the build step of a project does.
"""

import ast
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, Run, medians, ratio, run
from cdp_constructs.assembly.findings import read_findings

__all__ = ["BY_HAND", "JOBS", "OURS", "SOLUTIONS_CONSTRUCTS", "TYPESCRIPT", "Plan", "measure", "side_by_side"]

TYPESCRIPT, BY_HAND, OURS, SOLUTIONS_CONSTRUCTS = "typescript", "by_hand", "ours", "solutions_constructs"
JOBS = ("fan_out", "private_cdn", "upload", "iot_to_firehose")
SYSTEM = "system"
_APPS = ROOT / "benchmarks/apps"
_THEIRS = ROOT / "build/benchmark/solutions-constructs/bin/python"
_COMMANDS: Mapping[str, Sequence[str]] = {
    TYPESCRIPT: ("node", str(_APPS / "typescript/dist/main.js")),
    BY_HAND: (sys.executable, "-m", "benchmarks.apps.by_hand"),
    OURS: (sys.executable, "-m", "benchmarks.apps.ours"),
    SOLUTIONS_CONSTRUCTS: (str(_THEIRS), "-m", "benchmarks.apps.solutions_constructs"),
}
_CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]
# The report of the packs is read; it is neither an error nor printed.
_READ_THE_REPORT = {
    "@aws-cdk/core:failSynthOnValidationErrors": False,
    "@aws-cdk/core:validationReportPrettyPrint": False,
}


@dataclass(frozen=True)
class Plan:
    """What is run, and how often."""

    rounds: int
    """Counted runs of each process, after one that fills byte code and disk caches."""
    jobs: Sequence[str] = (*JOBS, SYSTEM)
    variants: Sequence[str] = (TYPESCRIPT, BY_HAND, OURS, SOLUTIONS_CONSTRUCTS)
    cold_rounds: int = 1
    """Runs of each job without byte code."""
    instances: Sequence[int] = (1, 100, 200)
    """Fan-outs in one process, to see what each further one costs."""
    instance_rounds: int = 3


@dataclass
class _Measured:
    runs: dict[str, dict[str, list[Run]]] = field(default_factory=dict)

    def add(self, job: str, variant: str, one: Run) -> None:
        self.runs.setdefault(job, {}).setdefault(variant, []).append(one)


def measure(plan: Plan, say: Callable[[str], object] = print) -> dict[str, Any]:
    """Run the plan, and return what the page says.

    Args:
        plan: What is run.
        say: Is told how far it is.

    Raises:
        AssertionError: when two ways do not make the same resources, so that a comparison would mean nothing.
    """
    warm, cold = _Measured(), _Measured()
    for turn in range(plan.rounds + 1):
        for job, variant in _processes(plan):
            one, made = _synthesise(variant, job)
            if turn:
                warm.add(job, variant, one)
            else:
                _expect_same(job, variant, made)
        say(f"synthesis: turn {turn} of {plan.rounds}")
    for _ in range(plan.cold_rounds):
        for job, variant in _processes(plan):
            if variant != TYPESCRIPT and job != SYSTEM:
                cold.add(job, variant, _synthesise(variant, job, byte_code=False)[0])
    say("synthesis: without byte code")
    return {
        "rounds": plan.rounds,
        "cold_rounds": plan.cold_rounds,
        "resources": {job: sum(_SAME[job].values()) for job in plan.jobs},
        "warm": _figures(warm),
        "without_byte_code": _figures(cold),
        "instances": _instances(plan),
    }


def side_by_side(jobs: Sequence[str] = JOBS, variants: Sequence[str] = (OURS, SOLUTIONS_CONSTRUCTS)) -> dict[str, Any]:
    """Return resources, findings that nobody acknowledged and lines that a user writes, by job and way."""
    return {job: {variant: _looked_at(variant, job) for variant in variants} for job in jobs}


def _looked_at(variant: str, job: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as outdir:
        run([*_COMMANDS[variant], job, "1", "--nag"], _environment(outdir, _READ_THE_REPORT))
        made = _resources(outdir)
        findings, _ = read_findings(Path(outdir))
    packs = Counter(finding.pack for finding in findings if finding.pack in _PACKS)
    return {
        "resources": sum(made.values()),
        "alarms": made["AWS::CloudWatch::Alarm"],
        "findings": {pack: packs[pack] for pack in _PACKS},
        "lines": _lines(_APPS / variant / f"{job}.py"),
    }


_PACKS = ("AwsSolutions", "Serverless", "HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")


def _lines(file: Path) -> int:
    """Return how many lines a user writes: code, without documentation and imports."""
    tree = ast.parse(file.read_text())
    written: set[int] = set()
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            written.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant) and isinstance(inner.value.value, str):
            written.difference_update(range(inner.lineno, (inner.end_lineno or inner.lineno) + 1))
    return len([line for number, line in enumerate(file.read_text().splitlines(), 1) if number in written and line])


def _processes(plan: Plan) -> Iterator[tuple[str, str]]:
    for job in plan.jobs:
        for variant in plan.variants:
            if not (variant == SOLUTIONS_CONSTRUCTS and job == SYSTEM):
                yield job, variant


_SAME: dict[str, Counter[str]] = {}


def _expect_same(job: str, variant: str, made: Counter[str]) -> None:
    if variant == SOLUTIONS_CONSTRUCTS:
        return
    expected = _SAME.setdefault(job, made)
    if made != expected:
        raise AssertionError(f"{job}, {variant}: not the same resources: {made - expected} and {expected - made}")


def _synthesise(variant: str, job: str, count: int = 1, *, byte_code: bool = True) -> tuple[Run, Counter[str]]:
    with tempfile.TemporaryDirectory() as outdir, tempfile.TemporaryDirectory() as empty:
        environment = _environment(outdir)
        if not byte_code:
            environment |= {"PYTHONPYCACHEPREFIX": empty, "PYTHONDONTWRITEBYTECODE": "1"}
        return run([*_COMMANDS[variant], job, str(count)], environment), _resources(outdir)


def _environment(outdir: str, context: Mapping[str, Any] | None = None) -> dict[str, str]:
    return {
        "CDK_OUTDIR": outdir,
        "CDK_CONTEXT_JSON": json.dumps(_CONTEXT | dict(context or {})),
        "PYTHONPATH": str(ROOT),
    }


def _resources(outdir: str) -> Counter[str]:
    templates = [json.loads(file.read_text()) for file in Path(outdir).glob("*.template.json")]
    return Counter(item["Type"] for template in templates for item in template["Resources"].values())


def _figures(measured: _Measured) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for job, variants in measured.runs.items():
        figures[job] = {
            variant: {
                **vars(medians(runs)),
                "ours_wall": ratio(variants[OURS], runs)[0],
                "ours_user": ratio(variants[OURS], runs)[1],
                "by_hand_wall": ratio(variants[BY_HAND], runs)[0],
            }
            for variant, runs in variants.items()
        }
    return figures


def _instances(plan: Plan) -> dict[str, Any]:
    """Return seconds of user time for each further fan-out, between each two counts."""
    ways = [variant for variant in plan.variants if variant in {BY_HAND, OURS}]
    user: dict[str, dict[int, list[float]]] = {variant: {} for variant in ways}
    for _ in range(plan.instance_rounds):
        for count in plan.instances:
            for variant in ways:
                one, _made = _synthesise(variant, JOBS[0], count)
                user[variant].setdefault(count, []).append(one.user)
    best = {variant: {count: min(runs) for count, runs in counts.items()} for variant, counts in user.items()}
    steps = list(zip(plan.instances, plan.instances[1:], strict=False))
    return {
        variant: {f"{low} to {high}": 1000 * (counts[high] - counts[low]) / (high - low) for low, high in steps}
        for variant, counts in best.items()
    }
