"""A stack of a cloud assembly, and the files that it needs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_REGION", "FileAsset", "ImageAsset", "StackArtifact"]

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
"""Where stacks go that name no Region."""


@dataclass(frozen=True)
class FileAsset:
    """A file or folder that a stack expects in a bucket.

    Attributes:
        source: File or folder: in the assembly, unless it was synthesised without staging.
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
class ImageAsset:
    """A container image that a stack expects in a registry.

    Attributes:
        label: How the app names it.
        source: Folder that it is built from, the build context; None when a command or a file makes the image.
        dockerfile: Path of the Dockerfile in it.
        arguments: Values of `ARG`.
        names: The names under which templates use it, `<repository>:<tag>`, one for each place it is pushed to.
    """

    label: str
    source: Path | None
    dockerfile: str
    arguments: Mapping[str, str]
    names: Sequence[str]


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
        images: Container images that it expects in a registry.
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
    images: Sequence[ImageAsset]

    def template(self) -> dict[str, Any]:
        """Return the template as CloudFormation sees it."""
        template: dict[str, Any] = json.loads(self.template_file.read_text())
        return template
