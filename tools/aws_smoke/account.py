"""An AWS account as the behaviour tests use the embedded cloud: deploy, clients, addresses; and remove all of it."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from cdp_constructs.assembly import read_assembly, select
from cdp_constructs.local import LocalCloud

__all__ = ["AwsAccount", "Deployed", "make_removable"]

REGION = "us-east-1"
"""Where the tests' stacks are; the account has to be bootstrapped there."""


@dataclass
class Deployed:
    """What was deployed, in the words of ``cdp_constructs.local.Deployment``."""

    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    resources: dict[str, dict[str, str]] = field(default_factory=dict)
    regions: dict[str, str] = field(default_factory=dict)


def make_removable(template: dict[str, Any]) -> dict[str, Any]:
    """Let nothing of a template outlive its stack: nothing is kept, and nothing protected."""
    for resource in template.get("Resources", {}).values():
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if str(resource.get(policy, "")).startswith("Retain"):
                resource[policy] = "Delete"
        properties = resource.get("Properties", {})
        for member in [properties, *(one for one in properties.get("Replicas", []) if isinstance(one, dict))]:
            if member.get("DeletionProtectionEnabled"):
                member["DeletionProtectionEnabled"] = False
    return template


def _removable_copy(assembly: Path, folder: Path) -> Path:
    """Copy an assembly, with templates that can be removed, and under hashes of their own."""
    copy = folder / "assembly"
    shutil.copytree(assembly, copy)
    for file in copy.glob("*.template.json"):
        before = file.read_bytes()
        file.write_text(json.dumps(make_removable(json.loads(before))))
        old, new = (hashlib.sha256(content).hexdigest() for content in (before, file.read_bytes()))
        # Templates are uploaded by their hash: else that of another deployment would be taken.
        for naming in (copy / "manifest.json", *copy.glob("*.assets.json")):
            naming.write_text(naming.read_text().replace(old, new))
    return copy


class AwsAccount:
    """An account, or an embedded cloud that stands for one.

    Args:
        profile: Profile of the AWS configuration; None for the credentials of the environment.
        endpoint: Address of an embedded cloud; None for AWS itself.
    """

    def __init__(self, profile: str | None, endpoint: str | None) -> None:
        self._session = boto3.Session(profile_name=profile, region_name=REGION)
        self._profile, self._endpoint = profile, endpoint
        self._stacks: list[tuple[str, str]] = []
        self._folders: list[tempfile.TemporaryDirectory[str]] = []

    def client(self, service: str, region: str = REGION, credentials: Mapping[str, str] | None = None) -> Any:
        """Return a client, of the account or with what STS returned."""
        given: dict[str, str] = {}
        if credentials is not None:
            given = {
                "aws_access_key_id": credentials["AccessKeyId"],
                "aws_secret_access_key": credentials["SecretAccessKey"],
                "aws_session_token": credentials["SessionToken"],
            }
        make: Callable[..., Any] = self._session.client
        return make(service, region_name=region, endpoint_url=self._endpoint, **given)

    def http_api_url(self, api_id: str, region: str) -> str:
        """Return the base address of an HTTP API."""
        if self._endpoint is not None:
            return LocalCloud.attach(self._endpoint).http_api_url(api_id, region)
        return f"https://{api_id}.execute-api.{region}.amazonaws.com"

    def deploy(self, assembly: str | Path, *, stacks: Sequence[str]) -> Deployed:
        """Deploy stacks of an assembly with the CDK CLI.

        Raises:
            RuntimeError: the account has a stack of that name, which is never touched, or the deployment failed.
        """
        folder = tempfile.TemporaryDirectory(prefix="aws-smoke-")
        self._folders.append(folder)
        copy = _removable_copy(Path(assembly), Path(folder.name))
        chosen = select(read_assembly(copy), stacks)
        for stack in chosen:
            if self._describe(stack.name, stack.region) is not None:
                raise RuntimeError(f"the account has a stack {stack.name} in {stack.region} already; nothing was done")
        self._stacks += [(stack.name, stack.region) for stack in chosen]
        self._run("deploy", *(stack.path for stack in chosen), "--app", str(copy), "--require-approval", "never")
        deployed = Deployed()
        for stack in chosen:
            described = self._describe(stack.name, stack.region) or {}
            outputs = described.get("Outputs", [])
            deployed.outputs[stack.label] = {one["OutputKey"]: one["OutputValue"] for one in outputs}
            pages = self.client("cloudformation", stack.region).get_paginator("list_stack_resources")
            found = [one for page in pages.paginate(StackName=stack.name) for one in page["StackResourceSummaries"]]
            deployed.resources[stack.label] = {
                one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in found
            }
            deployed.regions[stack.label] = stack.region
        return deployed

    def remove(self) -> list[str]:
        """Delete the stacks that were deployed, with what is in their buckets; return what is left."""
        left = []
        for name, region in reversed(self._stacks):
            if self._describe(name, region) is None:
                continue
            cloudformation = self.client("cloudformation", region)
            pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
            for resource in (one for page in pages for one in page["StackResourceSummaries"]):
                if resource["ResourceType"] == "AWS::S3::Bucket" and resource.get("PhysicalResourceId"):
                    self._empty(resource["PhysicalResourceId"], region)
            cloudformation.delete_stack(StackName=name)
            try:
                cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 5})
            except Exception as error:  # noqa: BLE001 - the others are to be deleted all the same
                left.append(f"stack {name} in {region}: {error}")
        for folder in self._folders:
            folder.cleanup()
        return left

    def _empty(self, bucket: str, region: str) -> None:
        s3 = self.client("s3", region)
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])

    def _describe(self, name: str, region: str) -> dict[str, Any] | None:
        try:
            found: list[dict[str, Any]] = self.client("cloudformation", region).describe_stacks(StackName=name)[
                "Stacks"
            ]
        except ClientError:
            return None
        return found[0]

    def _run(self, *arguments: str) -> None:
        environment = os.environ | {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        if self._endpoint is not None:
            environment["AWS_ENDPOINT_URL"] = self._endpoint
        chosen = ["--profile", self._profile] if self._profile is not None else []
        command = ["cdk", *arguments, *chosen, "--no-notices", "--progress", "events"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if ended.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{ended.stdout}{ended.stderr}")
