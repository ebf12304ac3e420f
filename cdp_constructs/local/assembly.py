"""Reads a cloud assembly, the folder that `cdk synth` writes: its stacks in dependency order and their assets."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from cdp_constructs.local.errors import LocalCloudError

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_REGION", "FileAsset", "StackArtifact", "read_assembly", "select"]

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
"""Where stacks go that name no Region."""


@dataclass(frozen=True)
class FileAsset:
    """A file or folder that a stack expects in a bucket.

    Attributes:
        source: File or folder in the assembly.
        is_folder: The folder is to be zipped.
        bucket: Name of the bucket.
        key: Key of the object; it has the hash of the content.
        region: Region of the bucket.
    """

    source: Path
    is_folder: bool
    bucket: str
    key: str
    region: str


@dataclass(frozen=True)
class StackArtifact:
    """A stack of the assembly.

    Attributes:
        artifact_id: Id in the assembly, unique in it.
        name: Name of the stack in CloudFormation, unique in its Region.
        label: How results name it: its name, or its path in the app when two stacks of the app share a name.
        path: Path in the app, for example `Prod/Network`.
        account: Account, `000000000000` when the stack names none.
        region: Region, `us-east-1` when the stack names none.
        template_file: Its template.
        parameters: Values that the assembly gives to the template's parameters.
        tags: Tags of the stack.
        bootstrap_parameter: SSM parameter by which the template asks for the bootstrap version, if it does.
        dependencies: Artifact ids of the stacks that must be there first.
        assets: Files that it expects in buckets.
        docker_images: Display names of container images that it expects in a registry.
    """

    artifact_id: str
    name: str
    label: str
    path: str
    account: str
    region: str
    template_file: Path
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    bootstrap_parameter: str | None
    dependencies: frozenset[str]
    assets: Sequence[FileAsset]
    docker_images: Sequence[str]

    def template(self) -> dict[str, Any]:
        """Return the template as CloudFormation sees it."""
        template: dict[str, Any] = json.loads(self.template_file.read_text())
        return template


def _load(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise LocalCloudError(
            f"{file} does not exist; name the folder that `cdk synth` wrote, usually cdk.out"
        ) from error
    except ValueError as error:
        raise LocalCloudError(f"{file} is not JSON ({error}); synthesise again into a clean folder") from error
    return content


def _environment(artifact: Mapping[str, Any]) -> tuple[str, str]:
    account, _, region = artifact["environment"].removeprefix("aws://").partition("/")
    return (
        DEFAULT_ACCOUNT if account == "unknown-account" else account,
        DEFAULT_REGION if region == "unknown-region" else region,
    )


def _assets(folder: Path, manifest: Mapping[str, Any], account: str, region: str) -> Iterator[FileAsset]:
    def resolve(text: str) -> str:
        for name, value in (("Partition", "aws"), ("AccountId", account), ("Region", region)):
            text = text.replace(f"${{AWS::{name}}}", value)
        return text

    for asset in manifest.get("files", {}).values():
        source = asset["source"]
        if "path" not in source:
            raise LocalCloudError(
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
            yield from _walk(folder / artifact["properties"]["directoryName"])


def _stacks_below(artifact_id: str, artifacts: Mapping[str, _Artifact]) -> Iterator[str]:
    """A dependency on a nested assembly is one on every stack in it; one on anything else but a stack is none."""
    artifact = artifacts[artifact_id]
    if artifact.properties["type"] == "aws:cloudformation:stack":
        yield artifact_id
    elif artifact.properties["type"] == "cdk:cloud-assembly":
        nested = artifact.folder / artifact.properties["properties"]["directoryName"]
        for below, _ in _walk(nested):
            yield from _stacks_below(below, artifacts)


def _stack(artifact_id: str, artifacts: Mapping[str, _Artifact], names: Sequence[str]) -> StackArtifact:
    folder, artifact = artifacts[artifact_id].folder, artifacts[artifact_id].properties
    properties = artifact["properties"]
    account, region = _environment(artifact)
    name, path = properties.get("stackName", artifact_id), artifact.get("displayName", artifact_id)
    required = [*artifact.get("dependencies", ()), *properties.get("additionalDependencies", ())]
    manifests = [
        _load(folder / artifacts[needed].properties["properties"]["file"])
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
        template_file=folder / properties["templateFile"],
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        bootstrap_parameter=properties.get("bootstrapStackVersionSsmParameter"),
        dependencies=frozenset(stack for needed in required for stack in _stacks_below(needed, artifacts)),
        assets=tuple(asset for manifest in manifests for asset in _assets(folder, manifest, account, region)),
        docker_images=tuple(
            image.get("displayName", image_id)
            for manifest in manifests
            for image_id, image in manifest.get("dockerImages", {}).items()
        ),
    )


def read_assembly(folder: Path) -> tuple[StackArtifact, ...]:
    """Return every stack of the assembly, nested assemblies (`Stage`) included, in dependency order.

    Args:
        folder: What `cdk synth` wrote, for example `cdk.out`.

    Raises:
        LocalCloudError: there is no assembly in the folder, or it has an asset that only a command could make.
    """
    artifacts = dict(_walk(folder))
    ids = [key for key, value in artifacts.items() if value.properties["type"] == "aws:cloudformation:stack"]
    names = [artifacts[key].properties["properties"].get("stackName", key) for key in ids]
    stacks = {key: _stack(key, artifacts, names) for key in ids}
    order = TopologicalSorter({key: stack.dependencies for key, stack in stacks.items()})
    return tuple(stacks[key] for key in order.static_order())


def select(stacks: Sequence[StackArtifact], patterns: Sequence[str] | None) -> tuple[StackArtifact, ...]:
    """Return the stacks that a pattern names, and those they depend on, in the order given.

    Args:
        stacks: Every stack of the assembly, in dependency order.
        patterns: Stack names, paths or artifact ids, `*` and `?` allowed as in `cdk deploy`; None selects all.

    Raises:
        LocalCloudError: a pattern names no stack.
    """
    if patterns is None:
        return tuple(stacks)
    wanted: set[str] = set()
    for pattern in patterns:
        found = [
            stack.artifact_id
            for stack in stacks
            if any(fnmatchcase(name, pattern) for name in (stack.name, stack.path, stack.artifact_id))
        ]
        if not found:
            known = ", ".join(stack.path for stack in stacks)
            raise LocalCloudError(f"no stack of the assembly is called {pattern}; it has {known}")
        wanted.update(found)
    for stack in reversed(stacks):
        if stack.artifact_id in wanted:
            wanted |= stack.dependencies
    return tuple(stack for stack in stacks if stack.artifact_id in wanted)
