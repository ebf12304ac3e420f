"""Writes small cloud assemblies by hand, in the format of `cdk synth`, without the seconds that a synthesis takes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Template = Mapping[str, Any]
_VERSION = "55.0.0"
"""Of the format of manifests."""

QUEUE: Template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}


def template(resources: Mapping[str, Any], **sections: Any) -> Template:
    return {"Resources": resources, **sections}


class AssemblyWriter:
    """Collects the artifacts of one assembly folder.

    Args:
        folder: Made when it is not there.
        nested_in: The assembly that holds this one, as a `Stage` does.
    """

    def __init__(self, folder: Path, nested_in: "AssemblyWriter | None" = None) -> None:
        self.folder = folder
        self.artifacts: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if nested_in is not None:
            nested_in.artifacts[f"assembly-{folder.name}"] = {
                "type": "cdk:cloud-assembly",
                "properties": {"directoryName": folder.name},
            }
            nested_in.write()

    def stack(
        self,
        artifact_id: str,
        body: Template,
        *,
        environment: str = "aws://unknown-account/unknown-region",
        dependencies: Sequence[str] = (),
        files: Sequence[Path] = (),
        docker_images: Mapping[str, Any] | None = None,
        **properties: Any,
    ) -> None:
        file = f"{artifact_id}.template.json"
        (self.folder / file).write_text(json.dumps(body))
        assets = {
            "version": _VERSION,
            "files": {self.asset_hash(path): self._file(path, environment) for path in files},
            "dockerImages": docker_images or {},
        }
        (self.folder / f"{artifact_id}.assets.json").write_text(json.dumps(assets))
        self.artifacts[f"{artifact_id}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{artifact_id}.assets.json"},
        }
        self.artifacts[artifact_id] = {
            "type": "aws:cloudformation:stack",
            "environment": environment,
            "properties": {"templateFile": file, **properties},
            "dependencies": [f"{artifact_id}.assets", *dependencies],
            "displayName": properties.get("displayName", artifact_id),
        }
        self.write()

    @staticmethod
    def asset_hash(path: Path) -> str:
        contents = sorted(path.rglob("*")) if path.is_dir() else [path]
        return hashlib.sha256(b"".join(file.read_bytes() for file in contents if file.is_file())).hexdigest()

    def _file(self, path: Path, environment: str) -> dict[str, Any]:
        region = environment.rsplit("/", 1)[1]
        destination = {
            "bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}",
            "objectKey": self.asset_hash(path) + (".zip" if path.is_dir() else path.suffix),
        }
        if region != "unknown-region":
            destination["region"] = region
        packaging = "zip" if path.is_dir() else "file"
        return {
            "displayName": path.name,
            "source": {"path": str(path), "packaging": packaging},
            "destinations": {"current": destination},
        }

    def write(self) -> None:
        (self.folder / "manifest.json").write_text(json.dumps({"version": _VERSION, "artifacts": self.artifacts}))
