"""Builds every marked architecture into one app and synthesises it once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack, Stage, Validations
from aws_cdk.assertions import Template
from constructs import IConstruct

from cdp_constructs.testing import architectures
from cdp_constructs.testing.nag import AcknowledgedFinding, Finding, read_findings
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
    _findings: tuple[Finding, ...]
    _acknowledged: tuple[AcknowledgedFinding, ...]

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

    def resources(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Resources of one CloudFormation type by logical id, over all stacks."""
        return {
            logical_id: resource
            for template in self.templates.values()
            for logical_id, resource in template.get("Resources", {}).items()
            if resource["Type"] == resource_type
        }

    def findings(self, *packs: str) -> list[str]:
        """Unacknowledged nag findings of the named packs (all packs without a name), a line each."""
        return [str(finding) for finding in self._findings if not packs or finding.pack in packs]

    def acknowledged(self, *packs: str) -> list[AcknowledgedFinding]:
        """Acknowledged nag findings of the named packs, with their reasons."""
        return [finding for finding in self._acknowledged if not packs or finding.pack in packs]


class Synthesis:
    """The session's only synthesis; call it with a marked function."""

    def __init__(self, context: Mapping[str, Any], packs: Callable[[App], list[Any]], directory: Path) -> None:
        """Build and synthesise everything that is registered.

        Args:
            context: The app's context, as in ``cdk.json``.
            packs: Makes the nag packs for the app.
            directory: Where the assembly goes.
        """
        self.directory = directory
        app = App(context={**context, **_READ_THE_REPORT}, outdir=str(directory))
        Validations.of(app).add_plugins(*packs(app))
        self._results: dict[Callable[..., Any], Any] = {}
        self._errors: dict[Callable[..., Any], Exception] = {}
        self._stacks: dict[Callable[..., Any], list[Stack]] = {}
        for item in architectures.registered:
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
        assembly = app.synth()
        self._findings, self._acknowledged = read_findings(Path(assembly.directory))

    def __call__(self, build: Callable[..., Any]) -> SynthesisedArchitecture:
        """Return what a marked function became.

        Raises:
            LookupError: when the function is not marked with ``@architecture``.
            Exception: what the function raised while it built.
        """
        if build in self._errors:
            raise self._errors[build]
        if build not in self._stacks:
            message = f"{build.__qualname__} is not an architecture; mark it with @architecture"
            raise LookupError(message)
        stacks = self._stacks[build]
        paths = tuple(stack.node.path for stack in stacks)
        return SynthesisedArchitecture(
            self._results[build],
            {stack.stack_name: _template_file(stack) for stack in stacks},
            paths,
            tuple(finding for finding in self._findings if _inside(finding.construct_path, paths)),
            tuple(finding for finding in self._acknowledged if _inside(finding.construct_path, paths)),
        )


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
