"""CodeDeploy: applications, deployment groups, deployment configurations and deployments.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html
"""

import json
import secrets
import string
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.json_service import ServiceError

__all__ = [
    "Application",
    "Configuration",
    "Deployment",
    "Event",
    "Group",
    "Scope",
    "Shift",
    "all_deployments",
    "here",
    "specification",
]

_Found = TypeVar("_Found")

_responses: Any = ministack.module("core.responses", "request_scope")

_ID_CHARACTERS = string.ascii_uppercase + string.digits
_ENDED = {"Succeeded", "Failed", "Stopped"}
_MINUTE = 60
_ALL = 100


@dataclass(frozen=True)
class Configuration:
    """How traffic moves.

    Attributes:
        name: Its name.
        platform: `Lambda`, `ECS` or `Server`; only those of Lambda are played.
        routing: As requests and answers name it, `trafficRoutingConfig`.
        rest: What else the request has given.
    """

    name: str
    platform: str
    routing: Mapping[str, Any] = field(default_factory=dict)
    rest: Mapping[str, Any] = field(default_factory=dict)
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = field(default_factory=clock.now)

    def shifts(self) -> "list[Shift]":
        """Return when which percentage of the traffic is on the new version."""
        kind = self.routing.get("type", "AllAtOnce")
        if kind == "TimeBasedCanary":
            canary = self.routing["timeBasedCanary"]
            first = Shift(0, int(canary["canaryPercentage"]))
            return [first, Shift(int(canary["canaryInterval"]) * _MINUTE, _ALL)]
        if kind == "TimeBasedLinear":
            linear = self.routing["timeBasedLinear"]
            step, seconds = int(linear["linearPercentage"]), int(linear["linearInterval"]) * _MINUTE
            percentages = [*range(step, _ALL, step), _ALL]
            return [Shift(number * seconds, percentage) for number, percentage in enumerate(percentages)]
        return [Shift(0, _ALL)]


@dataclass(frozen=True)
class Shift:
    """A percentage of the traffic, and the seconds after which it is on the new version."""

    after: float
    percentage: int


def _predefined() -> Iterator[Configuration]:
    """Yield the configurations that AWS has for Lambda.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
    """
    yield Configuration("CodeDeployDefault.LambdaAllAtOnce", "Lambda", {"type": "AllAtOnce"})
    for minutes in (5, 10, 15, 30):
        canary = {"canaryPercentage": 10, "canaryInterval": minutes}
        yield Configuration(
            f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes",
            "Lambda",
            {"type": "TimeBasedCanary", "timeBasedCanary": canary},
        )
    for minutes in (1, 2, 3, 10):
        linear = {"linearPercentage": 10, "linearInterval": minutes}
        yield Configuration(
            f"CodeDeployDefault.LambdaLinear10PercentEvery{minutes}Minute{'s' * (minutes > 1)}",
            "Lambda",
            {"type": "TimeBasedLinear", "timeBasedLinear": linear},
        )
    for name in ("ECSAllAtOnce", "AllAtOnce", "HalfAtATime", "OneAtATime"):
        yield Configuration(f"CodeDeployDefault.{name}", "ECS" if name.startswith("ECS") else "Server")


@dataclass
class Group:
    """A deployment group.

    Attributes:
        application: Name of its application.
        name: Its name.
        settings: As the request gave them.
    """

    application: str
    name: str
    settings: dict[str, Any]
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def role(self) -> str:
        """The role that CodeDeploy acts as."""
        return str(self.settings.get("serviceRoleArn", ""))

    @property
    def alarms(self) -> list[str]:
        """The names of the alarms that stop a deployment."""
        configuration = self.settings.get("alarmConfiguration") or {}
        return [one["name"] for one in configuration.get("alarms") or []] if configuration.get("enabled") else []

    def rolls_back(self, event: str) -> bool:
        """Whether an event, for example `DEPLOYMENT_FAILURE`, rolls a deployment back."""
        configuration = self.settings.get("autoRollbackConfiguration") or {}
        return bool(configuration.get("enabled")) and event in (configuration.get("events") or [])


@dataclass
class Application:
    """An application and its deployment groups by name."""

    name: str
    platform: str
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = field(default_factory=clock.now)
    groups: dict[str, Group] = field(default_factory=dict)


@dataclass
class Event:
    """A lifecycle event of a deployment; one with a hook has a function and the id of its execution."""

    name: str
    function: str = ""
    execution: str = field(default_factory=lambda: str(uuid.uuid4()))
    has_returned: bool = False
    """Whether the function has ended; it may report later, or another may."""
    status: str = "Pending"
    message: str = ""
    started: float | None = None
    ended: float | None = None

    def become(self, status: str, message: str = "") -> None:
        """Change the status, and keep when."""
        self.status, self.message = status, message
        if self.started is None:
            self.started = clock.now()
        if status not in {"Pending", "InProgress"}:
            self.ended = clock.now()


@dataclass
class Deployment:
    """A version of a function that an alias is moved to.

    Attributes:
        scope: Account and Region.
        group: Its deployment group.
        configuration: How traffic moves.
        function: Name of the function.
        alias: Name of the alias.
        current: The version that the alias has.
        target: The version that it gets.
        revision: As the request gave it.
        creator: `user`, `CloudFormation` or `codeDeployRollback`.
        events: Lifecycle events, in their order.
        weight: Percentage of the traffic that is on the new version.
        stop_requested: Somebody wants it to stop, and whether it is rolled back.
    """

    scope: tuple[str, str]
    group: Group
    configuration: Configuration
    function: str
    alias: str
    current: str
    target: str
    revision: Mapping[str, Any]
    creator: str
    events: list[Event]
    description: str = ""
    identifier: str = field(default_factory=lambda: "d-" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(9)))
    status: str = "Created"
    error: dict[str, str] = field(default_factory=dict)
    rollback: dict[str, str] = field(default_factory=dict)
    weight: int = 0
    shifting_since: float | None = None
    stop_requested: bool | None = None
    created: float = field(default_factory=clock.now)
    completed: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, however."""
        return self.status in _ENDED

    def event(self, name: str) -> Event:
        """Return a lifecycle event by its name."""
        return next(event for event in self.events if event.name == name)


def _found(known: Mapping[str, _Found], name: str, code: str, message: str) -> _Found:
    if name not in known:
        raise ServiceError(code, f"{message}{name}")
    return known[name]


@dataclass
class Scope:
    """What one account has in one Region."""

    applications: dict[str, Application] = field(default_factory=dict)
    configurations: dict[str, Configuration] = field(default_factory=lambda: {one.name: one for one in _predefined()})
    deployments: dict[str, Deployment] = field(default_factory=dict)

    def application(self, name: str) -> Application:
        """Return an application.

        Raises:
            ServiceError: there is none of the name.
        """
        return _found(self.applications, name, "ApplicationDoesNotExistException", "No application found for name: ")

    def group(self, application: str, name: str) -> Group:
        """Return a deployment group.

        Raises:
            ServiceError: there is no such application or group.
        """
        groups = self.application(application).groups
        return _found(groups, name, "DeploymentGroupDoesNotExistException", "No Deployment Group found for name: ")

    def configuration(self, name: str) -> Configuration:
        """Return a deployment configuration, one of AWS's own or another.

        Raises:
            ServiceError: there is none of the name.
        """
        message = "No Deployment Configuration found for name: "
        return _found(self.configurations, name, "DeploymentConfigDoesNotExistException", message)

    def deployment(self, identifier: str) -> Deployment:
        """Return a deployment.

        Raises:
            ServiceError: there is none of the id.
        """
        return _found(self.deployments, identifier, "DeploymentDoesNotExistException", "There is no deployment ")


_scopes: dict[tuple[str, str], Scope] = defaultdict(Scope)


def here() -> Scope:
    """Return what the current account has in the current Region."""
    return _scopes[_responses.get_account_id(), _responses.get_region()]


def all_deployments() -> Iterator[Deployment]:
    """Yield every deployment that has not ended, inside its account and Region."""
    for scope, found in list(_scopes.items()):
        for deployment in list(found.deployments.values()):
            if not deployment.is_over:
                with _responses.request_scope(*scope):
                    yield deployment


def specification(revision: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the AppSpec of a revision says; one in Amazon S3 or GitHub is not read.

    Raises:
        ServiceError: there is none, or it is no JSON and no YAML.
    """
    content = (revision.get("appSpecContent") or revision.get("string") or {}).get("content")
    if not content:
        raise ServiceError(
            "InvalidRevisionException", "Give the AppSpec as appSpecContent: the embedded cloud reads no other revision"
        )
    import yaml  # type: ignore[import-untyped]  # MiniStack brings it, and clients read this module without MiniStack

    try:
        read = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise ServiceError("InvalidRevisionException", f"The AppSpec is neither JSON nor YAML: {error}") from error
    if not isinstance(read, Mapping):
        raise ServiceError("InvalidRevisionException", f"The AppSpec is no object: {json.dumps(content)[:100]}")
    return read
