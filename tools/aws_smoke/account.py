"""An AWS account as the behaviour tests use the embedded cloud: deploy, clients, addresses; and remove all of it."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cdp_constructs.assembly import read_assembly, select
from cdp_constructs.local import LocalCloud
from tools.aws_smoke.errors import RefusedError
from tools.aws_smoke.removal import removable_copy, remove_stack

__all__ = ["REGION", "AwsAccount", "Deployed"]

REGION = "us-east-1"
"""Where the tests' stacks are; the account has to be bootstrapped there."""

_REASON_LINES = 6


@dataclass
class Deployed:
    """What was deployed, in the words of ``cdp_constructs.local.Deployment``."""

    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    resources: dict[str, dict[str, str]] = field(default_factory=dict)
    regions: dict[str, str] = field(default_factory=dict)


class AwsAccount:
    """An account, or an embedded cloud that stands for one.

    Args:
        profile: Profile of the AWS configuration.
        endpoint: Address of an embedded cloud; None for AWS itself.

    Raises:
        RefusedError: There is no such profile, or it has no credentials.
    """

    def __init__(self, profile: str, endpoint: str | None) -> None:
        self._profile, self._endpoint = profile, endpoint
        # The tests take the variables of AWS away from themselves; the CDK CLI needs those that were there.
        self._environment = dict(os.environ)
        self._stacks: list[tuple[str, str]] = []
        self._folders: list[tempfile.TemporaryDirectory[str]] = []
        try:
            self._session = boto3.Session(profile_name=profile, region_name=REGION)
            credentials = self._session.get_credentials()
            if credentials is None:
                raise RefusedError(
                    f"the profile {profile} has no credentials; `aws configure` or `aws sso login` gives some"
                )
            credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise RefusedError(f"the profile {profile} cannot be used: {error}") from error

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

    def check(self, stacks: Iterable[str] = ()) -> None:
        """Look whether the account can be used.

        Args:
            stacks: Names of the stacks that will be deployed.

        Raises:
            RefusedError: AWS refuses the credentials, the account is not bootstrapped, or has one of these stacks.
        """
        try:
            number = self.client("sts").get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            raise RefusedError(f"the credentials of the profile {self._profile} are refused: {error}") from error
        try:
            self.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        except ClientError as error:
            command = f"cdk bootstrap aws://{number}/{REGION} --profile {self._profile}"
            raise RefusedError(f"account {number} is not bootstrapped in {REGION} ({error}); run {command}") from error
        if existing := [name for name in stacks if self._describe(name, REGION) is not None]:
            names = ", ".join(existing)
            raise RefusedError(
                f"account {number} has stacks of these names in {REGION} already, and keeps them: {names}"
            )

    def deploy(self, assembly: str | Path, *, stacks: Sequence[str]) -> Deployed:
        """Deploy stacks of an assembly with the CDK CLI.

        Raises:
            RuntimeError: the deployment failed, or goes to another Region than the one that was looked at.
        """
        folder = tempfile.TemporaryDirectory(prefix="aws-smoke-")
        self._folders.append(folder)
        copy = removable_copy(Path(assembly), Path(folder.name))
        chosen = select(read_assembly(copy), stacks)
        if elsewhere := [stack.name for stack in chosen if stack.region != REGION]:
            raise RuntimeError(f"stacks of the rehearsal are in {REGION}; these are not: {', '.join(elsewhere)}")
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
        """Delete the stacks that were deployed; return what is left."""
        left = []
        for name, region in reversed(self._stacks):
            try:
                problem = remove_stack(self, name, region) if self._describe(name, region) is not None else None
            except (BotoCoreError, ClientError) as error:  # the others are to be deleted all the same
                problem = f"stack {name} in {region}: {error}"
            left += [problem] if problem else []
        for folder in self._folders:
            folder.cleanup()
        return left

    def _describe(self, name: str, region: str) -> dict[str, Any] | None:
        cloudformation = self.client("cloudformation", region)
        try:
            found: list[dict[str, Any]] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # CloudFormation has no error of its own for a stack that does not exist.
            if "does not exist" in str(error):
                return None
            raise
        return found[0]

    def _run(self, *arguments: str) -> None:
        environment = self._environment | {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        if self._endpoint is not None:
            environment["AWS_ENDPOINT_URL"] = self._endpoint
        command = ["cdk", *arguments, "--profile", self._profile, "--no-notices", "--progress", "events"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if ended.returncode != 0:
            # The CLI says first what it does, and last what was wrong.
            reason = (ended.stdout + ended.stderr).strip().splitlines()[-_REASON_LINES:]
            raise RuntimeError("\n".join(["the deployment failed:", *reason]))
