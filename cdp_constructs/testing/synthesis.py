"""Builds the marked architectures of a module into one app, and synthesises it when a test asks for one of them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack, Stage, Validations
from aws_cdk.assertions import Template
from constructs import IConstruct

from cdp_constructs.assembly.findings import AcknowledgedFinding, Finding, read_findings
from cdp_constructs.review.assemblies import accepted
from cdp_constructs.review.cards.card import Card
from cdp_constructs.review.cards.formats import as_text
from cdp_constructs.review.reading import read_templates
from cdp_constructs.testing import architectures
from cdp_constructs.testing.snapshots import normalise

# The report is read by the tests, so neither an exception nor a print may stand in its way.
_READ_THE_REPORT = {
    "@aws-cdk/core:failSynthOnValidationErrors": False,
    "@aws-cdk/core:validationReportPrettyPrint": False,
}


@dataclass(frozen=True)
class SynthesisedArchitecture:
    """What one function marked with ``@architecture`` became."""

    result: Any
    """What the function returned."""
    template_files: Mapping[str, Path]
    """Template file by stack name."""
    paths: tuple[str, ...]
    """Construct paths of its stacks."""
    assembly: Path
    """Directory of the cloud assembly that it is part of."""
    _report: "_Report"

    @cached_property
    def templates(self) -> dict[str, dict[str, Any]]:
        """Templates as dictionaries, by stack name."""
        return {name: json.loads(file.read_text()) for name, file in self.template_files.items()}

    @property
    def template_json(self) -> dict[str, Any]:
        """The template of an architecture of one stack.

        Raises:
            ValueError: when it has several stacks; use ``templates``.
        """
        if len(self.templates) != 1:
            message = f"the architecture has {len(self.templates)} stacks: {', '.join(self.templates)}; use .templates"
            raise ValueError(message)
        return next(iter(self.templates.values()))

    @cached_property
    def template(self) -> Template:
        """The template of an architecture of one stack, for assertions."""
        return Template.from_json(self.template_json)

    @property
    def normalised(self) -> Any:
        """The template(s) without hashes, for a snapshot: of the only stack, or by stack name."""
        return normalise(self.template_json if len(self.templates) == 1 else self.templates)

    @cached_property
    def cards(self) -> dict[str, str]:
        """Architecture cards as text, by stack name."""
        templates = read_templates(self.assembly, list(self.paths))
        names = dict(zip(self.paths, self.template_files, strict=True))
        return {
            names.get(template.path, template.name): as_text(Card(template, accepted(self.assembly, template.path)))
            for template in templates
        }

    @property
    def card(self) -> str:
        """The architecture card of all stacks, for a snapshot that a person reads."""
        return "\n".join(self.cards.values())

    def resources(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Resources of one CloudFormation type by logical id, over all stacks."""
        return {
            logical_id: resource
            for template in self.templates.values()
            for logical_id, resource in template.get("Resources", {}).items()
            if resource["Type"] == resource_type
        }

    def findings(self, *packs: str) -> list[str]:
        """Unacknowledged findings of the named packs (all packs without a name), a line each.

        Args:
            packs: Of cdk-nag, such as ``AwsSolutions``; ``CloudFormation`` for what the CDK itself finds in templates.
        """
        return [str(finding) for finding in self._report.open if self._has(finding, packs)]

    def acknowledged(self, *packs: str) -> list[AcknowledgedFinding]:
        """Acknowledged nag findings of the named packs, with their reasons."""
        return [finding for finding in self._report.acknowledged if self._has(finding, packs)]

    def _has(self, finding: Finding, packs: tuple[str, ...]) -> bool:
        return (not packs or finding.pack in packs) and _inside(finding.construct_path, self.paths)


class _Report:
    """What the packs found in an assembly: read when a test asks for it, since not every run has packs."""

    def __init__(self, assembly: Path) -> None:
        self._assembly = assembly

    @cached_property
    def _found(self) -> tuple[list[Finding], list[AcknowledgedFinding]]:
        return read_findings(self._assembly)

    @property
    def open(self) -> list[Finding]:
        """Those that nobody acknowledged."""
        return self._found[0]

    @property
    def acknowledged(self) -> list[AcknowledgedFinding]:
        """Those that a construct acknowledges."""
        return self._found[1]


class Synthesis:
    """What the session synthesises, a module's architectures together; call it with a marked function."""

    def __init__(self, context: Mapping[str, Any], packs: Callable[[App], list[Any]], directory: Path) -> None:
        """Synthesise nothing yet.

        Args:
            context: The apps' context, as in ``cdk.json``.
            packs: Makes the nag packs for an app.
            directory: Where the assemblies go.
        """
        self._context = {**context, **_READ_THE_REPORT}
        self._packs = packs
        self._directory = directory
        self._assemblies: dict[str, _Assembly | Exception] = {}

    def __call__(self, build: Callable[..., Any]) -> SynthesisedArchitecture:
        """Return what a marked function became.

        Raises:
            LookupError: when the function is not marked with ``@architecture``.
            Exception: what the function raised while it built, or the CDK while it synthesised.
        """
        module = build.__module__
        members = [item for item in architectures.registered if item.build.__module__ == module]
        if build not in [item.build for item in members]:
            message = f"{build.__qualname__} is not an architecture; mark it with @architecture"
            raise LookupError(message)
        if module not in self._assemblies:
            try:
                self._assemblies[module] = self._synthesise(module, members)
            except Exception as error:  # noqa: BLE001 - it is raised below, now and for every test that asks again
                self._assemblies[module] = error
        assembly = self._assemblies[module]
        if isinstance(assembly, Exception):
            raise assembly
        return assembly.part(build)

    def _synthesise(self, module: str, members: list[architectures.Architecture]) -> "_Assembly":
        directory = self._directory / f"{len(self._assemblies)}-{module.rpartition('.')[2]}" / "cdk.out"
        app = App(context=self._context, outdir=str(directory))
        Validations.of(app).add_plugins(*self._packs(app))
        return _Assembly(app, members)


class _Assembly:
    """The architectures of one module, built into one app and synthesised."""

    def __init__(self, app: App, members: list[architectures.Architecture]) -> None:
        self._results: dict[Callable[..., Any], Any] = {}
        self._errors: dict[Callable[..., Any], Exception] = {}
        self._stacks: dict[Callable[..., Any], list[Stack]] = {}
        for item in members:
            before = {child.node.id for child in app.node.children}
            try:
                self._results[item.build] = item.add_to(app)
            except Exception as error:  # noqa: BLE001 - it is raised again for every test that asks for this one
                self._errors[item.build] = error
                for child in app.node.children:
                    if child.node.id not in before:
                        app.node.try_remove_child(child.node.id)
                continue
            added = [child for child in app.node.children if child.node.id not in before]
            self._stacks[item.build] = [stack for child in added for stack in _stacks_of(child)]
        self._directory = Path(app.synth().directory)
        self._report = _Report(self._directory)

    def part(self, build: Callable[..., Any]) -> SynthesisedArchitecture:
        """Return what one of the functions became, or raise what it raised."""
        if build in self._errors:
            raise self._errors[build]
        stacks = self._stacks[build]
        paths = tuple(stack.node.path for stack in stacks)
        return SynthesisedArchitecture(
            self._results[build],
            {stack.stack_name: _template_file(stack) for stack in stacks},
            paths,
            self._directory,
            self._report,
        )


def card_of(stack: Stack) -> str:
    """Return the architecture card of a stack of any app, which is synthesised."""
    stage = Stage.of(stack)
    if stage is None:
        message = f"{stack.node.path} is in no app, so it has no card; give it an App as its scope"
        raise LookupError(message)
    root = stack.node.root
    folder = Path(root.synth().directory) if isinstance(root, Stage) else Path(stage.outdir)
    [template, *_] = read_templates(folder, [stack.node.path])
    return as_text(Card(template, accepted(folder, template.path)))


def _stacks_of(construct: IConstruct) -> list[Stack]:
    stacks = [Stack.of(child) for child in construct.node.find_all() if Stack.is_stack(child)]
    return [stack for stack in stacks if not stack.nested]


def _template_file(stack: Stack) -> Path:
    stage = Stage.of(stack)
    if stage is None:
        message = f"{stack.node.path} is in no app"
        raise LookupError(message)
    return Path(stage.outdir) / stack.template_file


def _inside(path: str, stacks: tuple[str, ...]) -> bool:
    return any(path == stack or path.startswith(f"{stack}/") for stack in stacks)
