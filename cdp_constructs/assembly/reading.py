"""Reads a cloud assembly: its stacks in dependency order and their assets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from cdp_constructs.assembly.assets import AssetManifest
from cdp_constructs.assembly.files import load, part
from cdp_constructs.assembly.stacks import DEFAULT_ACCOUNT, DEFAULT_REGION, StackArtifact

__all__ = ["read_assembly"]


def _environment(artifact: Mapping[str, Any]) -> tuple[str, str]:
    account, _, region = artifact["environment"].removeprefix("aws://").partition("/")
    return (
        DEFAULT_ACCOUNT if account == "unknown-account" else account,
        DEFAULT_REGION if region == "unknown-region" else region,
    )


@dataclass(frozen=True)
class _Artifact:
    folder: Path
    properties: Mapping[str, Any]


def _walk(folder: Path) -> Iterator[tuple[str, _Artifact]]:
    for artifact_id, artifact in load(folder / "manifest.json").get("artifacts", {}).items():
        yield artifact_id, _Artifact(folder, artifact)
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _walk(part(folder, artifact["properties"]["directoryName"]))


def _stacks_below(artifact_id: str, artifacts: Mapping[str, _Artifact]) -> Iterator[str]:
    """A dependency on a nested assembly is one on every stack in it; one on anything else but a stack is none."""
    artifact = artifacts[artifact_id]
    if artifact.properties["type"] == "aws:cloudformation:stack":
        yield artifact_id
    elif artifact.properties["type"] == "cdk:cloud-assembly":
        nested = part(artifact.folder, artifact.properties["properties"]["directoryName"])
        for below, _ in _walk(nested):
            yield from _stacks_below(below, artifacts)


def _stack(artifact_id: str, artifacts: Mapping[str, _Artifact], names: Sequence[str]) -> StackArtifact:
    folder, artifact = artifacts[artifact_id].folder, artifacts[artifact_id].properties
    properties = artifact["properties"]
    account, region = _environment(artifact)
    name, path = properties.get("stackName", artifact_id), artifact.get("displayName", artifact_id)
    required = [*artifact.get("dependencies", ()), *properties.get("additionalDependencies", ())]
    manifests = (
        AssetManifest(folder, artifacts[needed].properties["properties"]["file"])
        for needed in dict.fromkeys(required)
        if artifacts[needed].properties["type"] == "cdk:asset-manifest"
    )
    return StackArtifact(
        artifact_id=artifact_id,
        name=name,
        label=path if names.count(name) > 1 else name,
        path=path,
        account=account,
        region=region,
        template_file=part(folder, properties["templateFile"]),
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        termination_protection=bool(properties.get("terminationProtection")),
        bootstrap_parameter=properties.get("bootstrapStackVersionSsmParameter"),
        bootstrap_version=properties.get("requiresBootstrapStackVersion", 0),
        dependencies=frozenset(stack for needed in required for stack in _stacks_below(needed, artifacts)),
        asset_manifests=tuple(manifests),
        region_agnostic=artifact["environment"].endswith("/unknown-region"),
        metadata_file=part(folder, artifact["additionalMetadataFile"])
        if "additionalMetadataFile" in artifact
        else None,
        manifest_metadata=artifact.get("metadata", {}),
    )


def read_assembly(folder: Path) -> tuple[StackArtifact, ...]:
    """Return every stack of the assembly, nested assemblies (`Stage`) included, in dependency order.

    Args:
        folder: What `cdk synth` wrote, for example `cdk.out`.

    Raises:
        AssemblyError: there is no assembly in the folder, or it names a template outside of it.
    """
    artifacts = dict(_walk(folder))
    ids = [key for key, value in artifacts.items() if value.properties["type"] == "aws:cloudformation:stack"]
    names = [artifacts[key].properties["properties"].get("stackName", key) for key in ids]
    stacks = {key: _stack(key, artifacts, names) for key in ids}
    # As in the manifest: sets of texts have another order in each process.
    order = TopologicalSorter({key: [one for one in ids if one in stacks[key].dependencies] for key in ids})
    return tuple(stacks[key] for key in order.static_order())
