"""Deploys the stacks of a cloud assembly in dependency order, independent ones in parallel."""

import json
import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from cdp_constructs.assembly import AssemblyError, StackArtifact, read_assembly, select
from cdp_constructs.local.clients import servers
from cdp_constructs.local.clients.administration import Administration
from cdp_constructs.local.clients.aws import Clients
from cdp_constructs.local.coverage import metrics
from cdp_constructs.local.coverage.labels import LABELS, Label, Support
from cdp_constructs.local.deployment import images
from cdp_constructs.local.deployment.assets import publish, refuse_outside
from cdp_constructs.local.deployment.bootstrap import bootstrap
from cdp_constructs.local.deployment.stacks import (
    DeployedStack,
    StackResource,
    delete_stack,
    deploy_stack,
    unknown_types,
)
from cdp_constructs.local.errors import DeploymentError, FailedEvent, LocalCloudError
from cdp_constructs.local.services.iot.executed import missing_in
from cdp_constructs.local.services.lambda_.languages import runs

__all__ = ["Deployment", "NotExecuted", "Progress", "deploy"]

Progress: TypeAlias = Callable[[str, str], None]
"""Called with a stack's label and what happens to it: `deploying`, `deployed`, `unchanged`, `failed`."""

_STACKS_AT_ONCE = 4
"""MiniStack provisions on one core; more threads than this only wait for each other."""


_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_OF_CDK = re.compile(
    r"CustomResourceProviderHandler|^AWS679f53fac002430cb0da5b7982bd2287|^LogRetentionaae0aa3c5b4d4f87"
)
"""Logical ids of functions whose work the embedded cloud does itself."""


@dataclass(frozen=True)
class NotExecuted:
    """A resource that the embedded cloud does not execute, or not completely.

    Attributes:
        stack: Label of the stack.
        logical_id: Logical id; `Nested/Resource` for one of a nested stack.
        resource_type: CloudFormation type.
        support: How far the type is emulated; *executed* here means that only what the reason names is missing.
        reason: What is missing.
    """

    stack: str
    logical_id: str
    resource_type: str
    support: Support
    reason: str


class Deployment:
    """The result of a deployment.

    Stacks are named by their name, or by their path in the app (`Prod/Network`) when two of them share a name.

    Attributes:
        outputs: Stack -> output key -> value.
        resources: Stack -> logical id -> physical id.
        regions: Stack -> Region.
        changed: Stacks that were created or updated; the others were up to date.
        not_executed: Resources that the embedded cloud does not execute, or not completely, with the reason.
        missing: A line for each kind of server that the stacks have and that does not run: what to install.
    """

    def __init__(self, clients: Clients, stacks: Sequence[DeployedStack], missing: Mapping[str, str]) -> None:
        self._clients = clients
        types = {resource.resource_type for stack in stacks for resource in stack.resources}
        services = {name.split("::")[1] for name in types if name.startswith("AWS::")}
        images = _images(stacks) if missing else []
        # A server is named by its service, or by its public image, which has a slash.
        used = services | {name for name in missing if "/" in name and any(name in image for image in images)}
        self.missing = tuple(line for name, line in missing.items() if name in used)
        self.stacks = tuple(stacks)
        self.outputs: Mapping[str, Mapping[str, str]] = MappingProxyType(
            {stack.artifact.label: stack.outputs for stack in stacks}
        )
        self.resources: Mapping[str, Mapping[str, str]] = MappingProxyType(
            {stack.artifact.label: {item.logical_id: item.physical_id for item in stack.resources} for stack in stacks}
        )
        self.regions: Mapping[str, str] = MappingProxyType(
            {stack.artifact.label: stack.artifact.region for stack in stacks}
        )
        self.changed = tuple(stack.artifact.label for stack in stacks if stack.changed)
        self.not_executed = tuple(
            NotExecuted(stack.artifact.label, resource.logical_id, resource.resource_type, label.support, label.reason)
            for stack, own in ((stack, _own_labels(stack)) for stack in stacks)
            for resource in stack.resources
            if (label := own.get(resource.logical_id) or _label_of(clients, stack, resource)) is not None
        )

    @property
    def has_node_functions(self) -> bool:
        """Whether a function runs on Node.js, those left out that the CDK adds for resources of its own."""
        return any(
            resource.get("Type") == "AWS::Lambda::Function"
            and str(resource.get("Properties", {}).get("Runtime", "nodejs")).startswith("nodejs")
            and _OF_CDK.search(logical_id) is None
            for stack in self.stacks
            for logical_id, resource in stack.artifact.template().get("Resources", {}).items()
        )

    def destroy(self) -> None:
        """Delete the stacks, the last deployed first. Resources that are to be retained stay.

        Raises:
            DeploymentError: a stack has termination protection, or a resource could not be deleted, such as a bucket
                that is not empty; with the events that say why.
        """
        for stack in reversed(self.stacks):
            delete_stack(self._clients, stack.artifact)


def _images(stacks: Sequence[DeployedStack]) -> list[str]:
    """Return the images of the containers of stacks, as the templates write them."""
    return [
        json.dumps(container.get("Image"))
        for stack in stacks
        for resource in stack.artifact.template().get("Resources", {}).values()
        if resource["Type"] == "AWS::ECS::TaskDefinition"
        for container in resource.get("Properties", {}).get("ContainerDefinitions") or []
    ]


def _own_labels(stack: DeployedStack) -> Mapping[str, Label]:
    """Return labels of resources whose properties say what does not run, by logical id."""
    return {**_alarms_without_values(stack), **_other_functions(stack)}


def _alarms_without_values(stack: DeployedStack) -> Mapping[str, Label]:
    labels = {}
    for logical_id, resource in stack.artifact.template().get("Resources", {}).items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            reasons = map(metrics.not_emitted, metrics.watched(resource.get("Properties", {})))
            if missing := "; ".join(reason for reason in reasons if reason is not None):
                labels[logical_id] = Label(Support.EXECUTED, missing)
    return labels


def _other_functions(stack: DeployedStack) -> Mapping[str, Label]:
    """Return labels of functions in languages that do not run here."""
    labels = {}
    for logical_id, resource in stack.artifact.template().get("Resources", {}).items():
        runtime = resource.get("Properties", {}).get("Runtime")
        if resource["Type"] == "AWS::Lambda::Function" and isinstance(runtime, str) and not runs(runtime):
            labels[logical_id] = Label(Support.CONTROL_PLANE_ONLY, f"a function in {runtime} is described, and fails")
    return labels


def _label_of(clients: Clients, stack: DeployedStack, resource: StackResource) -> Label | None:
    if resource.resource_type != "AWS::IoT::TopicRule":
        return LABELS.get(resource.resource_type)
    iot = clients.get("iot", region=stack.artifact.region, account=stack.artifact.account)
    missing = missing_in(iot.get_topic_rule(ruleName=resource.physical_id)["rule"])
    return None if missing is None else Label(Support.EXECUTED, missing)


def _refuse_legacy_assets(stacks: Sequence[StackArtifact]) -> None:
    legacy = [stack.label for stack in stacks if any(map(_is_legacy, stack.template().get("Parameters", {}).items()))]
    if legacy:
        raise DeploymentError(
            f"the assets of {', '.join(legacy)} are template parameters, which the legacy synthesizer writes and only "
            "the CDK CLI fills; synthesise with `DefaultStackSynthesizer`: without `LegacyStackSynthesizer()` at the "
            'stack, and with the context "@aws-cdk/core:newStyleStackSynthesis": true, the default of CDK v2'
        )


def _is_legacy(parameter: tuple[str, Mapping[str, str]]) -> bool:
    name, definition = parameter
    return name.startswith("AssetParameters") and "Default" not in definition


def _refuse_accounts(stacks: Sequence[StackArtifact]) -> None:
    wrong = [f"{stack.label} names {stack.account!r}" for stack in stacks if _ACCOUNT.fullmatch(stack.account) is None]
    if wrong:
        raise DeploymentError(
            f"an account has 12 digits, and the stack {', '.join(wrong)}; give the stack's `env` another account, or "
            "none, and synthesise again"
        )


def _refuse_what_cannot_be_deployed(
    clients: Clients, administration: Administration, stacks: Sequence[StackArtifact]
) -> None:
    _refuse_accounts(stacks)
    _refuse_legacy_assets(stacks)
    images.refuse_unknown(administration, stacks)
    unknown = [
        FailedEvent(stack.label, logical_id, resource_type, "the embedded cloud does not know this type")
        for stack in stacks
        for logical_id, resource_type in unknown_types(clients, stack)
    ]
    if unknown:
        raise DeploymentError(
            "nothing was created, because the embedded cloud does not have these resource types:", unknown
        )


class _Run:
    """One deployment: the stacks in progress, and a request to cancel."""

    def __init__(
        self, clients: Clients, administration: Administration, parameters: Mapping[str, str], progress: Progress
    ) -> None:
        self._clients = clients
        self._administration = administration
        self._parameters = parameters
        self._progress = progress
        self._given_up = threading.Event()

    def _deploy(self, stack: StackArtifact) -> DeployedStack:
        self._progress(stack.label, "deploying")
        try:
            publish(self._clients, stack)
            images.publish(self._administration, stack)
            deployed = deploy_stack(self._clients, stack, self._parameters, self._given_up)
        except BaseException:
            self._progress(stack.label, "failed")
            raise
        self._progress(stack.label, "deployed" if deployed.changed else "unchanged")
        return deployed

    def deploy(self, stacks: Sequence[StackArtifact]) -> list[DeployedStack]:
        """Deploy each stack once those it depends on are there; after a failure, only finish those in progress."""
        by_id = {stack.artifact_id: stack for stack in stacks}
        order = _ordered(by_id)
        deployed: list[DeployedStack] = []
        failed: list[BaseException] = []
        running: dict[Future[DeployedStack], str] = {}
        with ThreadPoolExecutor(_STACKS_AT_ONCE, thread_name_prefix="deploy") as pool:
            try:
                while running or (order.is_active() and not failed):
                    for key in () if failed else order.get_ready():
                        running[pool.submit(self._deploy, by_id[key])] = key
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        key = running.pop(future)
                        if (error := future.exception()) is not None:
                            failed.append(error)
                        else:
                            deployed.append(future.result())
                            order.done(key)
            except BaseException:  # Ctrl-C, mostly: do not wait for CloudFormation
                self._given_up.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        _raise(failed)
        return sorted(deployed, key=lambda stack: stacks.index(stack.artifact))


def _ordered(stacks: Mapping[str, StackArtifact]) -> TopologicalSorter[str]:
    """Return the order of stacks: those first that others depend on, or import a value of by its name."""
    needed = {key: stack.dependencies & stacks.keys() for key, stack in stacks.items()}
    exporting = {(stack.account, stack.region, name): key for key, stack in stacks.items() for name in stack.exports}
    imported = {
        key: needed[key] | {exporting.get((stack.account, stack.region, name), key) for name in stack.imports} - {key}
        for key, stack in stacks.items()
    }
    order = TopologicalSorter(imported)
    try:
        order.prepare()
    except CycleError:  # an export that was there before: CloudFormation says what is wrong when it is not
        order = TopologicalSorter(needed)
        order.prepare()
    return order


def _raise(failed: Sequence[BaseException]) -> None:
    """Raise one error for all stacks that failed; an unexpected error is raised as it is."""
    expected = [error for error in failed if isinstance(error, LocalCloudError)]
    if not failed:
        return
    if len(failed) == 1 or len(expected) < len(failed):
        raise next((error for error in failed if error not in expected), failed[0])
    events = [event for error in expected if isinstance(error, DeploymentError) for event in error.events]
    raise DeploymentError("; ".join(str(error).splitlines()[0] for error in expected), events)


def deploy(
    clients: Clients,
    administration: Administration,
    assembly: Path,
    *,
    stacks: Sequence[str] | None = None,
    parameters: Mapping[str, str] | None = None,
    progress: Progress = lambda _stack, _status: None,
    allow_assets_outside: bool = False,
    bootstrap_qualifiers: Collection[str] = (),
) -> Deployment:
    """Deploy the assembly; see `LocalCloud.deploy`."""
    try:
        selected = select(read_assembly(assembly), stacks)
        if not allow_assets_outside:
            refuse_outside(selected, assembly)
        _refuse_what_cannot_be_deployed(clients, administration, selected)
        bootstrap(clients, selected, bootstrap_qualifiers)
    except AssemblyError as error:
        raise LocalCloudError(str(error)) from error
    deployed = _Run(clients, administration, parameters or {}, progress).deploy(selected)
    return Deployment(clients, deployed, servers.missing_servers(administration))
