"""A stack of a cloud assembly, and the files that it needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cdp_constructs.assembly.assets import AssetManifest, FileAsset, ImageAsset
from cdp_constructs.assembly.files import load

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_REGION", "StackArtifact"]

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
"""Where stacks go that name no Region."""


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
        termination_protection: Whether it is to be protected from deletion.
        bootstrap_parameter: SSM parameter by which the template asks for the bootstrap version, if it does.
        bootstrap_version: The oldest one that it takes, 0 for any.
        dependencies: Artifact ids of the stacks that must be there first.
        asset_manifests: Where its assets are listed.
        region_agnostic: Whether the stack names no Region.
        metadata_file: Where the metadata of its constructs is, in assemblies that keep it apart.
        manifest_metadata: The metadata that the manifest itself has.
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
    termination_protection: bool
    bootstrap_parameter: str | None
    bootstrap_version: int
    dependencies: frozenset[str]
    asset_manifests: Sequence[AssetManifest]
    region_agnostic: bool
    metadata_file: Path | None
    manifest_metadata: Mapping[str, Any]

    @cached_property
    def assets(self) -> Sequence[FileAsset]:
        """Files that it expects in buckets."""
        return tuple(file for manifest in self.asset_manifests for file in manifest.files(self.account, self.region))

    @cached_property
    def images(self) -> Sequence[ImageAsset]:
        """Container images that it expects in a registry."""
        return tuple(image for manifest in self.asset_manifests for image in manifest.images(self.account, self.region))

    @cached_property
    def construct_paths(self) -> Mapping[str, str]:
        """Paths of constructs by logical id, for example `Shop/Orders/Topic/Resource`."""
        metadata = dict(self.manifest_metadata) | (load(self.metadata_file) if self.metadata_file else {})
        return {
            str(entry["data"]): path.strip("/")
            for path, entries in metadata.items()
            for entry in entries
            if entry.get("type") == "aws:cdk:logicalId"
        }

    @cached_property
    def exports(self) -> frozenset[str]:
        """Names under which it exports values, without those that are made at the deployment."""
        names = [output.get("Export", {}).get("Name") for output in self.template().get("Outputs", {}).values()]
        return frozenset(name for name in names if isinstance(name, str))

    @cached_property
    def imports(self) -> frozenset[str]:
        """Names of the exports of other stacks that it imports, without those that are made at the deployment."""
        return frozenset(_imported(self.template()))

    def template(self) -> dict[str, Any]:
        """Return the template as CloudFormation sees it."""
        return load(self.template_file)


def _imported(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        name = part.get("Fn::ImportValue")
        if isinstance(name, str):
            yield name
        for value in part.values():
            yield from _imported(value)
    elif isinstance(part, list):
        for value in part:
            yield from _imported(value)
