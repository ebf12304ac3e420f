"""Plays an execution of a pipeline of CodePipeline by its template: stage by stage, action by action.

Builds run their commands on this machine, actions of CloudFormation call the embedded cloud by the roles that they
name, and a stage that fails is rolled back to what it had before, as its conditions say.
"""

import json
import re
import shutil
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from cdp_constructs.local import LocalCloud
from tests.behaviour.pipeline.builds import Tools

__all__ = ["Execution", "Player"]

ACCOUNT = "000000000000"
Template = dict[str, Any]


class ActionFailedError(Exception):
    """An action of the pipeline failed."""


@dataclass
class Execution:
    """What became of an execution."""

    status: str = "InProgress"
    stages: dict[str, str] = field(default_factory=dict)
    reason: str = ""


class Player:
    """A pipeline, with what each of its stages deployed last."""

    def __init__(self, cloud: LocalCloud, tools: Tools, folder: Path, *, stack: str, home: str) -> None:
        self._cloud, self._tools, self._folder = cloud, tools, folder
        self._stack, self._home = stack, home
        self._last: dict[str, dict[str, Path]] = {}
        self._number = 0

    def execute(self, source: Path, template: Template, *, approve: bool = True) -> Execution:
        """Play one execution, for one commit."""
        self._number += 1
        artifacts: dict[str, Path] = {}
        execution = Execution()
        (pipeline,) = [one for one in template["Resources"].values() if one["Type"] == "AWS::CodePipeline::Pipeline"]
        for stage in pipeline["Properties"]["Stages"]:
            name = stage["Name"]
            try:
                self._play(stage, source, artifacts, template, approve=approve)
            except ActionFailedError as error:
                execution.status, execution.stages[name], execution.reason = "Failed", "Failed", str(error)
                if stage.get("OnFailure") == {"Result": "ROLLBACK"} and name in self._last:
                    self._play(stage, source, self._last[name], template, approve=approve)
                    execution.stages[name] = "RolledBack"
                return execution
            execution.stages[name] = "Succeeded"
            self._last[name] = dict(artifacts)
            if name == "UpdatePipeline":
                # The pipeline deploys itself; the embedded cloud has no CodePipeline.
                template = json.loads((artifacts["Build_Output"] / f"{self._stack}.template.json").read_text())
        execution.status = "Succeeded"
        return execution

    def _play(
        self,
        stage: dict[str, Any],
        source: Path,
        artifacts: dict[str, Path],
        template: Template,
        *,
        approve: bool,
    ) -> None:
        variables: dict[str, str] = {"variables.REVIEW_FAIL_ON": "none"}
        for action in sorted(stage["Actions"], key=lambda one: one["RunOrder"]):
            kind = action["ActionTypeId"]["Provider"]
            if kind == "Manual" and not approve:
                raise ActionFailedError("the approval was rejected")
            if kind == "CodeStarSourceConnection":
                commit = self._folder / f"{self._number}-Source"
                artifacts[action["OutputArtifacts"][0]["Name"]] = shutil.copytree(source, commit)
            elif kind == "CodeBuild" and stage["Name"] == "Assets":
                self._publish(artifacts["Build_Output"])
            elif kind == "CodeBuild" and stage["Name"] != "UpdatePipeline":
                self._build(action, artifacts, variables, template)
            elif kind == "CloudFormation":
                self._deploy(action, artifacts, variables)

    def _build(
        self, action: dict[str, Any], artifacts: dict[str, Path], variables: dict[str, str], template: Template
    ) -> None:
        configuration = action["Configuration"]
        project = template["Resources"][configuration["ProjectName"]["Ref"]]
        buildspec = json.loads(project["Properties"]["Source"]["BuildSpec"])
        environment = {
            one["name"]: re.sub(r"#\{([^}]+)\}", lambda found: variables[found[1]], one["value"])
            for one in json.loads(configuration.get("EnvironmentVariables", "[]"))
        }
        folder = self._folder / f"{self._number}-{action['Name']}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(artifacts[action["InputArtifacts"][0]["Name"]], folder)
        phases = buildspec["phases"]
        commands = [*phases["install"].get("commands", []), *phases["build"]["commands"]]
        done = self._tools.run(commands, folder, environment)
        if done.returncode:
            raise ActionFailedError(f"{action['Name']}: {(done.stdout + done.stderr)[-2000:]}")
        for output in action.get("OutputArtifacts", []):
            artifacts[output["Name"]] = folder / buildspec["artifacts"]["base-directory"]

    def _client(self, service: str, region: str, role: str | None = None) -> Any:
        if role is None:
            return self._cloud.client(service, region)
        sts = self._cloud.client("sts", region)
        session = sts.assume_role(RoleArn=role, RoleSessionName="pipeline")["Credentials"]
        return self._cloud.client(service, region, session)

    def _deploy(self, action: dict[str, Any], artifacts: dict[str, Path], variables: dict[str, str]) -> None:
        configuration, region = action["Configuration"], action.get("Region", self._home)
        cloudformation = self._client("cloudformation", region, _arn(action["RoleArn"]))
        name, change_set = configuration["StackName"], configuration["ChangeSetName"]
        if configuration["ActionMode"] == "CHANGE_SET_REPLACE":
            artifact, _, path = configuration["TemplatePath"].partition("::")
            try:
                there = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            except ClientError:
                there = "REVIEW_IN_PROGRESS"
            else:
                cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
            cloudformation.create_change_set(
                StackName=name,
                ChangeSetName=change_set,
                ChangeSetType="CREATE" if there == "REVIEW_IN_PROGRESS" else "UPDATE",
                TemplateBody=(artifacts[artifact] / path).read_text(),
                Capabilities=configuration["Capabilities"].split(","),
                RoleARN=_arn(configuration["RoleArn"]),
            )
            return
        described = cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set)
        if described["ExecutionStatus"] == "AVAILABLE":
            before = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set)
            kind = "stack_create_complete" if before == "REVIEW_IN_PROGRESS" else "stack_update_complete"
            try:
                cloudformation.get_waiter(kind).wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 90})
            except WaiterError as error:
                raise ActionFailedError(f"{name}: {error}") from error
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        for output in stack.get("Outputs", []):
            variables[f"{action.get('Namespace')}.{output['OutputKey']}"] = output["OutputValue"]

    def _publish(self, assembly: Path) -> None:
        """Do what `cdk-assets publish` does, by the roles that the manifests name."""
        for manifest in assembly.rglob("*.assets.json"):
            for file in json.loads(manifest.read_text())["files"].values():
                place = manifest.parent / file["source"]["path"]
                for destination in file["destinations"].values():
                    role = destination["assumeRoleArn"].replace("${AWS::Partition}", "aws")
                    s3 = self._client("s3", destination["region"], role)
                    body = _zipped(place) if file["source"]["packaging"] == "zip" else place.read_bytes()
                    s3.put_object(Bucket=destination["bucketName"], Key=destination["objectKey"], Body=body)


def _arn(value: Any) -> str:
    """Return the ARN that a join of its partition makes."""
    return (
        value
        if isinstance(value, str)
        else "".join(one if isinstance(one, str) else "aws" for one in value["Fn::Join"][1])
    )


def _zipped(folder: Path) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return packed.getvalue()
