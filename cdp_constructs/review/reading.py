"""Reads the templates of a cloud assembly with the names that its constructs have."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cdp_constructs.assembly import StackArtifact, matching, read_assembly
from cdp_constructs.assembly.files import load, part
from cdp_constructs.review.templates import Template

__all__ = ["read_templates"]


def read_templates(folder: Path, stacks: Sequence[str] | None = None) -> list[Template]:
    """Return the templates of an assembly, nested stacks included, in the order of the stacks.

    Args:
        folder: What ``cdk synth`` wrote, for example ``cdk.out``.
        stacks: Names, paths or patterns as in ``cdk deploy``; all by default.

    Raises:
        AssemblyError: there is no assembly, it is not whole, or a name fits no stack.
    """
    every = read_assembly(folder)
    if stacks is not None:
        wanted = {one.artifact_id for pattern in stacks for one in matching(every, pattern)}
        every = tuple(one for one in every if one.artifact_id in wanted)
    return [template for stack in every for template in _templates(stack)]


def _templates(stack: StackArtifact) -> Iterator[Template]:
    region = None if stack.region_agnostic else stack.region
    template = Template(
        stack.label,
        stack.template(),
        region=region,
        account=stack.account,
        paths=stack.construct_paths,
        path=stack.path,
        protected=stack.termination_protection,
    )
    yield template
    yield from _nested(template, stack.template_file.parent)


def _nested(template: Template, folder: Path) -> Iterator[Template]:
    for resource in template.of_type("AWS::CloudFormation::Stack"):
        path = (resource.definition.get("Metadata") or {}).get("aws:asset:path")
        if isinstance(path, str):
            nested = Template(f"{template.name}/{resource.name}", load(part(folder, path)), region=template.region)
            yield nested
            yield from _nested(nested, folder)
