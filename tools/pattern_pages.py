"""Parts of a pattern's page that follow from its synthesised example.

Diagram, what is made, who may do what, cost at rest, findings.

The tests synthesise the examples, so they compare the pages too, and write them with ``--snapshot-update``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from constructs import Construct

from cdp_constructs.assembly.findings import read_findings
from cdp_constructs.review.assemblies import acknowledgments
from cdp_constructs.review.cards.access import access
from cdp_constructs.review.cards.card import Card
from cdp_constructs.review.cards.composition import composition
from cdp_constructs.review.cards.formats import as_mermaid
from cdp_constructs.review.reading import read_templates
from cdp_constructs.review.templates import Template
from cdp_constructs.testing.synthesis import SynthesisedArchitecture

__all__ = ["KINDS", "PACKS", "parts"]

PACKS = {
    "AwsSolutions": "AwsSolutions",
    "Serverless": "Serverless",
    "HIPAA.Security": "HIPAA",
    "NIST.800.53.R5": "NIST 800-53 R5",
    "PCI.DSS.321": "PCI DSS 3.2.1",
}
KINDS = ("diagram", "creates", "permissions", "cost", "findings")


def parts(pattern: type[Construct], example: SynthesisedArchitecture) -> Mapping[str, Callable[[str], str]]:
    """Return what writes each part of a pattern's page, from its example.

    Args:
        pattern: The class.
        example: What the example became; its function returned the pattern, or a list that has it.
    """
    construct = _construct(pattern, example.result)
    path = construct.node.path
    [template] = [one for one in read_templates(example.assembly, list(example.paths)) if _is_in(path, one.path)]
    name = path.removeprefix(f"{template.path}/")
    own = _part(template, name)
    return {
        "diagram": lambda _: _fenced("mermaid", as_mermaid(Card(template), name)),
        "creates": lambda _: _created(own),
        "permissions": lambda _: _permissions(own),
        "cost": lambda _: f"At rest: {Card(own).cost}.",
        "findings": lambda _: _findings(example, path),
    }


def _construct(pattern: type[Construct], result: object) -> Construct:
    found = result if isinstance(result, Iterable) else [result]
    return next(one for one in found if isinstance(one, pattern))


def _is_in(path: str, stack: str) -> bool:
    return path.startswith(f"{stack}/")


def _part(template: Template, name: str) -> Template:
    """Return a template with the resources of one construct only."""
    ids = {one.logical_id for one in template.resources.values() if one.name == name or _is_in(one.name, name)}
    resources = {logical_id: one for logical_id, one in template.body["Resources"].items() if logical_id in ids}
    names = {logical_id: template.resources[logical_id].name for logical_id in ids}
    return Template(template.name, {"Resources": resources}, region=template.region, names=names)


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _created(own: Template) -> str:
    words = {line[:10].strip(): line[10:] for line in composition(own)}
    return "\n".join(
        ["| what it does | resources |", "|---|---|", *(f"| {what} | {said} |" for what, said in words.items())]
    )


def _permissions(own: Template) -> str:
    said = [f"- {line.strip()}" for line in access(own)]
    return "\n".join(said) or "Nobody may do anything by what it creates."


def _findings(example: SynthesisedArchitecture, path: str) -> str:
    open_, _ = read_findings(example.assembly)
    by_pack: dict[str, Counter[str]] = {}
    for finding in open_:
        if finding.construct_path == path or _is_in(finding.construct_path, path):
            rule = finding.rule.partition("-")[2].partition("[")[0]
            by_pack.setdefault(finding.pack, Counter())[rule] += 1
    rows = [f"| {name} | {_counted(by_pack.get(pack, Counter()))} |" for pack, name in PACKS.items()]
    table = "\n".join(["| rule pack | open findings |", "|---|---|", *rows])
    accepted = acknowledgments(example.assembly, path)
    if not accepted:
        return f"{table}\n\nNothing is acknowledged."
    reasons = "\n".join(
        f"| `{one.rules}` | {one.reason} | {', '.join(f'`{place}`' for place in one.places)} |" for one in accepted
    )
    return f"{table}\n\n| acknowledged | because | where |\n|---|---|---|\n{reasons}"


def _counted(rules: Counter[str]) -> str:
    return ", ".join(f"{rule} ({count})" if count > 1 else rule for rule, count in sorted(rules.items())) or "none"
