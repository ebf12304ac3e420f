"""Reads a cloud assembly: its stacks in dependency order and their assets."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from cdp_constructs.assembly.errors import AssemblyError
from cdp_constructs.assembly.stacks import DEFAULT_ACCOUNT, DEFAULT_REGION, FileAsset, ImageAsset, StackArtifact

__all__ = ["read_assembly"]


def _load(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise AssemblyError(
            f"{file} does not exist; name the folder that `cdk synth` wrote, usually cdk.out"
        ) from error
    except ValueError as error:
        raise AssemblyError(f"{file} is not JSON ({error}); synthesise again into a clean folder") from error
    return content


def _part(folder: Path, name: str) -> Path:
    """Return a file or folder that a manifest names; those of an assembly are in its folder."""
    part = folder / name
    if not part.resolve().is_relative_to(folder.resolve()):
        raise AssemblyError(f"{folder / 'manifest.json'} names {name}, which is outside the assembly; synthesise again")
    return part


def _environment(artifact: Mapping[str, Any]) -> tuple[str, str]:
    account, _, region = artifact["environment"].removeprefix("aws://").partition("/")
    return (
        DEFAULT_ACCOUNT if account == "unknown-account" else account,
        DEFAULT_REGION if region == "unknown-region" else region,
    )


def _resolved(text: str, account: str, region: str) -> str:
    for name, value in (("Partition", "aws"), ("AccountId", account), ("Region", region)):
        text = text.replace(f"${{AWS::{name}}}", value)
    return text


def _images(folder: Path, manifest: Mapping[str, Any], account: str, region: str) -> Iterator[ImageAsset]:
    for image_id, image in manifest.get("dockerImages", {}).items():
        source = image.get("source", {})
        yield ImageAsset(
            label=image.get("displayName", image_id),
            source=(folder / source["directory"]).resolve() if "directory" in source else None,
            dockerfile=source.get("dockerFile", "Dockerfile"),
            arguments=source.get("dockerBuildArgs", {}),
            names=tuple(
                _resolved(f"{place['repositoryName']}:{place['imageTag']}", account, region)
                for place in image.get("destinations", {}).values()
            ),
        )


def _assets(folder: Path, manifest: Mapping[str, Any], account: str, region: str) -> Iterator[FileAsset]:
    def resolve(text: str) -> str:
        return _resolved(text, account, region)

    for asset in manifest.get("files", {}).values():
        source = asset["source"]
        if "path" not in source:
            raise AssemblyError(
                f"the asset {asset.get('displayName', '?')} is made by the command {source.get('executable')} at "
                "deployment time, which the embedded cloud does not run; give the CDK a file or a folder"
            )
        for destination in asset["destinations"].values():
            yield FileAsset(
                source=(folder / source["path"]).resolve(),
                is_folder=source.get("packaging", "file") == "zip",
                bucket=resolve(destination["bucketName"]),
                key=resolve(destination["objectKey"]),
                region=resolve(destination.get("region", region)),
            )


@dataclass(frozen=True)
class _Artifact:
    folder: Path
    properties: Mapping[str, Any]


def _walk(folder: Path) -> Iterator[tuple[str, _Artifact]]:
    for artifact_id, artifact in _load(folder / "manifest.json").get("artifacts", {}).items():
        yield artifact_id, _Artifact(folder, artifact)
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _walk(_part(folder, artifact["properties"]["directoryName"]))


def _stacks_below(artifact_id: str, artifacts: Mapping[str, _Artifact]) -> Iterator[str]:
    """A dependency on a nested assembly is one on every stack in it; one on anything else but a stack is none."""
    artifact = artifacts[artifact_id]
    if artifact.properties["type"] == "aws:cloudformation:stack":
        yield artifact_id
    elif artifact.properties["type"] == "cdk:cloud-assembly":
        nested = _part(artifact.folder, artifact.properties["properties"]["directoryName"])
        for below, _ in _walk(nested):
            yield from _stacks_below(below, artifacts)


def _stack(artifact_id: str, artifacts: Mapping[str, _Artifact], names: Sequence[str]) -> StackArtifact:
    folder, artifact = artifacts[artifact_id].folder, artifacts[artifact_id].properties
    properties = artifact["properties"]
    account, region = _environment(artifact)
    name, path = properties.get("stackName", artifact_id), artifact.get("displayName", artifact_id)
    required = [*artifact.get("dependencies", ()), *properties.get("additionalDependencies", ())]
    manifests = [
        _load(_part(folder, artifacts[needed].properties["properties"]["file"]))
        for needed in dict.fromkeys(required)
        if artifacts[needed].properties["type"] == "cdk:asset-manifest"
    ]
    return StackArtifact(
        artifact_id=artifact_id,
        name=name,
        label=path if names.count(name) > 1 else name,
        path=path,
        account=account,
        region=region,
        template_file=_part(folder, properties["templateFile"]),
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        bootstrap_parameter=properties.get("bootstrapStackVersionSsmParameter"),
        dependencies=frozenset(stack for needed in required for stack in _stacks_below(needed, artifacts)),
        assets=tuple(asset for manifest in manifests for asset in _assets(folder, manifest, account, region)),
        images=tuple(image for manifest in manifests for image in _images(folder, manifest, account, region)),
    )


def read_assembly(folder: Path) -> tuple[StackArtifact, ...]:
    """Return every stack of the assembly, nested assemblies (`Stage`) included, in dependency order.

    Args:
        folder: What `cdk synth` wrote, for example `cdk.out`.

    Raises:
        AssemblyError: there is no assembly in the folder, it names a template outside of it, or it has an asset that
            only a command could make.
    """
    artifacts = dict(_walk(folder))
    ids = [key for key, value in artifacts.items() if value.properties["type"] == "aws:cloudformation:stack"]
    names = [artifacts[key].properties["properties"].get("stackName", key) for key in ids]
    stacks = {key: _stack(key, artifacts, names) for key in ids}
    order = TopologicalSorter({key: stack.dependencies for key, stack in stacks.items()})
    return tuple(stacks[key] for key in order.static_order())
