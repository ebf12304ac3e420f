"""One stack of CloudFormation: create or update, wait, explain a failure, list what is in it, delete."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cdp_constructs.assembly import StackArtifact
from cdp_constructs.local.clients.aws import Clients
from cdp_constructs.local.deployment.assets import ensure_bucket
from cdp_constructs.local.errors import DeploymentError, FailedEvent

__all__ = ["DeployedStack", "StackResource", "delete_stack", "deploy_stack", "unknown_types"]

_POLL_SECONDS = 0.05
_TEMPLATE_BODY_LIMIT = 51_200
"""Bytes of a template in a request; a longer one is read from a bucket (CloudFormation quotas)."""
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_NOT_UPDATABLE = frozenset(
    {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
)
_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class StackResource:
    """A resource of a deployed stack; one of a nested stack has both logical ids, `Nested/Resource`."""

    logical_id: str
    resource_type: str
    physical_id: str


@dataclass(frozen=True)
class DeployedStack:
    """A stack as it is after a deployment.

    Attributes:
        changed: False when the template and the parameters were deployed already.
    """

    artifact: StackArtifact
    changed: bool
    outputs: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[StackResource, ...] = ()


def _cloudformation(clients: Clients, stack: StackArtifact) -> Any:
    return clients.get("cloudformation", region=stack.region, account=stack.account)


def _template(clients: Clients, stack: StackArtifact, file: Path) -> dict[str, str]:
    body = file.read_text()
    if len(body.encode()) <= _TEMPLATE_BODY_LIMIT:
        return {"TemplateBody": body}
    bucket, key = f"cdp-local-templates-{stack.account}-{stack.region}", file.name
    ensure_bucket(clients, stack.account, stack.region, bucket)
    s3 = clients.get("s3", region=stack.region, account=stack.account)
    s3.put_object(Bucket=bucket, Key=key, Body=body.encode())
    return {"TemplateURL": f"https://s3.{stack.region}.amazonaws.com/{bucket}/{key}"}


def _templates(file: Path, prefix: str = "") -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """A template and those of its nested stacks, each with the logical ids that lead to it."""
    template: dict[str, Any] = json.loads(file.read_text())
    yield prefix, file, template
    for logical_id, resource in template.get("Resources", {}).items():
        nested = resource.get("Metadata", {}).get("aws:asset:path")
        if resource.get("Type") == _STACK and nested:
            yield from _templates(file.parent / nested, f"{prefix}{logical_id}/")


def unknown_types(clients: Clients, stack: StackArtifact) -> list[tuple[str, str]]:
    """Return (logical id, type) of each resource whose type the endpoint's CloudFormation does not know."""
    unknown = []
    for prefix, file, template in _templates(stack.template_file):
        try:
            _cloudformation(clients, stack).validate_template(**_template(clients, stack, file))
        except ClientError as error:
            found = re.search(r"Unrecognized resource types: \[(.*)]", error.response["Error"]["Message"])
            # Other errors are reported by the deployment itself, which has the stack's parameters.
            types = found[1].split(", ") if found else []
            unknown += [
                (prefix + logical_id, resource["Type"])
                for logical_id, resource in template.get("Resources", {}).items()
                if resource.get("Type") in types
            ]
    return unknown


def _describe(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        found: list[dict[str, Any]] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    return found[0]


def _settled(cloudformation: Any, name_or_id: str, given_up: threading.Event) -> dict[str, Any] | None:
    """The stack once no operation is in progress; None when there is none, or it was deleted."""
    while True:
        found = _describe(cloudformation, name_or_id)
        if found is None or found["StackStatus"] == "DELETE_COMPLETE":
            return None
        if not found["StackStatus"].endswith("_IN_PROGRESS") or found["StackStatus"] == "REVIEW_IN_PROGRESS":
            return found
        if given_up.wait(_POLL_SECONDS):
            raise DeploymentError(
                f"the deployment of {name_or_id} is no longer waited for; it may still be in progress"
            )


def _event_ids(cloudformation: Any, stack_id: str) -> frozenset[str]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return frozenset(event["EventId"] for page in pages for event in page["StackEvents"])


def _failures(cloudformation: Any, stack_id: str, label: str, before: frozenset[str]) -> list[FailedEvent]:
    """The failed events since `before`, oldest first, those of nested stacks in the place of their parent's."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    failures = []
    for event in reversed([event for page in pages for event in page["StackEvents"]]):
        reason = event.get("ResourceStatusReason", "no reason given")
        # CloudFormation cancels resources in progress after a failure; they are not its cause.
        if event["EventId"] in before or not event["ResourceStatus"].endswith("FAILED") or "cancelled" in reason:
            continue
        nested = event.get("PhysicalResourceId", "")
        if event["ResourceType"] == _STACK and nested and nested != event["StackId"]:
            inner = _failures(cloudformation, nested, f"{label}/{event['LogicalResourceId']}", frozenset())
            failures += inner or [FailedEvent(label, event["LogicalResourceId"], event["ResourceType"], reason)]
        else:
            failures.append(FailedEvent(label, event["LogicalResourceId"], event["ResourceType"], reason))
    # The stack's own event only counts its resources, unless it is the only one.
    return [failure for failure in failures if failure.resource_type != _STACK] or failures


def _resources(cloudformation: Any, stack_id: str, prefix: str = "") -> Iterator[StackResource]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for resource in (resource for page in pages for resource in page["StackResourceSummaries"]):
        if resource["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        logical_id, physical_id = prefix + resource["LogicalResourceId"], resource.get("PhysicalResourceId", "")
        yield StackResource(logical_id, resource["ResourceType"], physical_id)
        if resource["ResourceType"] == _STACK:
            yield from _resources(cloudformation, physical_id, f"{logical_id}/")


def _parameters(stack: StackArtifact, given: Mapping[str, str]) -> list[dict[str, str]]:
    declared = stack.template().get("Parameters", {})
    values = {**stack.parameters, **{name: value for name, value in given.items() if name in declared}}
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def _refused(stack: StackArtifact, what: str, error: ClientError) -> DeploymentError:
    reason = error.response["Error"]["Message"]
    return DeploymentError(f"{what}the stack {stack.label} was refused in {stack.region}: {reason}")


def deploy_stack(
    clients: Clients, stack: StackArtifact, parameters: Mapping[str, str], given_up: threading.Event
) -> DeployedStack:
    """Create the stack, or update the existing one, and wait.

    Args:
        clients: Clients of the embedded cloud.
        stack: What to deploy.
        parameters: Values for the template's parameters; names that the template does not have are for other stacks.
        given_up: Ends the wait when it is set; CloudFormation continues.

    Raises:
        DeploymentError: CloudFormation refused or rolled back; with the events that say why.
    """
    cloudformation = _cloudformation(clients, stack)
    # An earlier deployment that was cancelled may still be in progress.
    existing = _settled(cloudformation, stack.name, given_up)
    if existing is not None and existing["StackStatus"] in _NOT_UPDATABLE:
        delete_stack(clients, stack, given_up)
        existing = None
    request = {
        "StackName": stack.name,
        "Parameters": _parameters(stack, parameters),
        "Capabilities": _CAPABILITIES,
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        **_template(clients, stack, stack.template_file),
    }
    before = frozenset[str]()
    changed = True
    try:
        if existing is None:
            stack_id = cloudformation.create_stack(**request)["StackId"]
        else:
            stack_id = existing["StackId"]
            before = _event_ids(cloudformation, stack_id)
            cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in error.response["Error"]["Message"]:
            raise _refused(stack, "", error) from error
        changed = False
    found = _settled(cloudformation, stack_id, given_up) or {"StackStatus": "DELETE_COMPLETE"}
    if changed and found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeploymentError(
            f"the stack {stack.label} failed in {stack.region} and is {found['StackStatus']}",
            _failures(cloudformation, stack_id, stack.label, before),
        )
    # As `cdk deploy` does. A creation that failed is not protected, so that the next try can replace it.
    if found.get("EnableTerminationProtection", False) != stack.termination_protection:
        cloudformation.update_termination_protection(
            StackName=stack_id, EnableTerminationProtection=stack.termination_protection
        )
    return DeployedStack(
        artifact=stack,
        changed=changed,
        outputs={output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())},
        resources=tuple(_resources(cloudformation, stack_id)),
    )


def delete_stack(clients: Clients, stack: StackArtifact, given_up: threading.Event | None = None) -> None:
    """Delete the stack and wait; a stack that does not exist is no error.

    Raises:
        DeploymentError: a resource could not be deleted; with the events that say why.
    """
    cloudformation = _cloudformation(clients, stack)
    existing = _describe(cloudformation, stack.name)
    if existing is None:
        return
    before = _event_ids(cloudformation, existing["StackId"])
    try:
        cloudformation.delete_stack(StackName=stack.name)
    except ClientError as error:
        raise _refused(stack, "the deletion of ", error) from error
    found = _settled(cloudformation, existing["StackId"], given_up or threading.Event())
    if found is not None:
        raise DeploymentError(
            f"the stack {stack.label} could not be deleted in {stack.region} and is {found['StackStatus']}",
            _failures(cloudformation, existing["StackId"], stack.label, before),
        )
