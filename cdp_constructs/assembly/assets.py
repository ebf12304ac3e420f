"""The assets of a stack: files that it expects in buckets, and container images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdp_constructs.assembly.errors import AssemblyError
from cdp_constructs.assembly.files import load, part

__all__ = ["AssetManifest", "FileAsset", "ImageAsset"]


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


def _resolved(text: str, account: str, region: str) -> str:
    for name, value in (("Partition", "aws"), ("AccountId", account), ("Region", region)):
        text = text.replace(f"${{AWS::{name}}}", value)
    return text


@dataclass(frozen=True)
class AssetManifest:
    """A manifest of assets, which is read when the stack is deployed: one of another stack may be missing.

    Attributes:
        folder: The folder of its assembly.
        file: Its name there.
    """

    folder: Path
    file: str

    def files(self, account: str, region: str) -> Iterator[FileAsset]:
        """Yield the files, for a stack of the account and the Region.

        Raises:
            AssemblyError: the manifest is missing or outside of the assembly, or has an asset that only a command could
                make.
        """

        def resolve(text: str) -> str:
            return _resolved(text, account, region)

        for asset in self._content().get("files", {}).values():
            source = asset["source"]
            if "path" not in source:
                raise AssemblyError(
                    f"the asset {asset.get('displayName', '?')} is made by the command {source.get('executable')} at "
                    "deployment time, which the embedded cloud does not run; give the CDK a file or a folder"
                )
            for destination in asset["destinations"].values():
                yield FileAsset(
                    source=(self.folder / source["path"]).resolve(),
                    is_folder=source.get("packaging", "file") == "zip",
                    bucket=resolve(destination["bucketName"]),
                    key=resolve(destination["objectKey"]),
                    region=resolve(destination.get("region", region)),
                )

    def images(self, account: str, region: str) -> Iterator[ImageAsset]:
        """Yield the container images, for a stack of the account and the Region.

        Raises:
            AssemblyError: the manifest is missing or outside of the assembly.
        """
        for image_id, image in self._content().get("dockerImages", {}).items():
            source = image.get("source", {})
            yield ImageAsset(
                label=image.get("displayName", image_id),
                source=(self.folder / source["directory"]).resolve() if "directory" in source else None,
                dockerfile=source.get("dockerFile", "Dockerfile"),
                arguments=source.get("dockerBuildArgs", {}),
                names=tuple(
                    _resolved(f"{place['repositoryName']}:{place['imageTag']}", account, region)
                    for place in image.get("destinations", {}).values()
                ),
            )

    def _content(self) -> Mapping[str, Any]:
        return load(part(self.folder, self.file))
