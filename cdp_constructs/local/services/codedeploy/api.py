"""CodeDeploy: its operations, as far as deployments of functions need them."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.json_service import Caller, ServiceError, json_service
from cdp_constructs.local.kit.resources import Request, resource_of
from cdp_constructs.local.services.codedeploy import traffic
from cdp_constructs.local.services.codedeploy.model import (
    Application,
    Configuration,
    Deployment,
    Event,
    Group,
    here,
    specification,
)

__all__ = ["create_deployment"]

_responses: Any = ministack.module("core.responses")

_LAMBDA = "Lambda"
_ROUTING = {
    "TimeBasedCanary": ("timeBasedCanary", "canaryPercentage", "canaryInterval"),
    "TimeBasedLinear": ("timeBasedLinear", "linearPercentage", "linearInterval"),
}
_MOST_PERCENT, _LONGEST_INTERVAL = 99, 2_880
_RESULTS = {"Succeeded", "Failed"}
_ANSWERED = ("autoRollbackConfiguration", "deploymentStyle")
_GROUP_MEMBERS = {
    "applicationName",
    "deploymentGroupName",
    "currentDeploymentGroupName",
    "newDeploymentGroupName",
    "tags",
}


# --- Applications and groups ------------------------------------------------------------------------------------------


def _create_application(request: dict[str, Any]) -> Mapping[str, Any]:
    name = request["applicationName"]
    if name in here().applications:
        raise ServiceError("ApplicationAlreadyExistsException", f"Application already exists: {name}")
    application = Application(name, request.get("computePlatform") or "Server")
    here().applications[name] = application
    return {"applicationId": application.identifier}


def _application_info(application: Application) -> Mapping[str, Any]:
    return {
        "applicationId": application.identifier,
        "applicationName": application.name,
        "createTime": application.created,
        "linkedToGitHub": False,
        "computePlatform": application.platform,
    }


def _get_application(request: dict[str, Any]) -> Mapping[str, Any]:
    return {"application": _application_info(here().application(request["applicationName"]))}


def _list_applications(_request: dict[str, Any]) -> Mapping[str, Any]:
    return {"applications": list(here().applications)}


def _delete_application(request: dict[str, Any]) -> Mapping[str, Any]:
    here().applications.pop(request["applicationName"], None)
    return {}


def _create_group(request: dict[str, Any]) -> Mapping[str, Any]:
    application, name = here().application(request["applicationName"]), request["deploymentGroupName"]
    if name in application.groups:
        raise ServiceError("DeploymentGroupAlreadyExistsException", f"Deployment group already exists: {name}")
    group = Group(application.name, name, {})
    _set(application, group, request)
    application.groups[name] = group
    return {"deploymentGroupId": group.identifier}


def _set(application: Application, group: Group, request: Mapping[str, Any]) -> None:
    settings = {**group.settings, **{key: value for key, value in request.items() if key not in _GROUP_MEMBERS}}
    default = "CodeDeployDefault.LambdaAllAtOnce" if application.platform == _LAMBDA else "CodeDeployDefault.OneAtATime"
    configuration = here().configuration(settings.setdefault("deploymentConfigName", default))
    if application.platform == _LAMBDA and configuration.platform != _LAMBDA:
        raise ServiceError(
            "InvalidDeploymentConfigNameException",
            f"{configuration.name} is a configuration of {configuration.platform}, the application is one of Lambda",
        )
    if not settings.get("serviceRoleArn"):
        raise ServiceError("RoleRequiredException", "Role ARN is required")
    group.settings = settings


def _update_group(request: dict[str, Any]) -> Mapping[str, Any]:
    application = here().application(request["applicationName"])
    group = here().group(application.name, request["currentDeploymentGroupName"])
    _set(application, group, request)
    if name := request.get("newDeploymentGroupName"):
        del application.groups[group.name]
        group.name = name
        application.groups[name] = group
    return {"hooksNotCleanedUp": []}


def _group_info(group: Group) -> Mapping[str, Any]:
    return {
        **group.settings,
        "applicationName": group.application,
        "deploymentGroupId": group.identifier,
        "deploymentGroupName": group.name,
        "computePlatform": here().application(group.application).platform,
    }


def _get_group(request: dict[str, Any]) -> Mapping[str, Any]:
    return {
        "deploymentGroupInfo": _group_info(here().group(request["applicationName"], request["deploymentGroupName"]))
    }


def _list_groups(request: dict[str, Any]) -> Mapping[str, Any]:
    application = here().application(request["applicationName"])
    return {"applicationName": application.name, "deploymentGroups": list(application.groups)}


def _delete_group(request: dict[str, Any]) -> Mapping[str, Any]:
    application = here().applications.get(request["applicationName"])
    if application:
        application.groups.pop(request["deploymentGroupName"], None)
    return {"hooksNotCleanedUp": []}


# --- Configurations ---------------------------------------------------------------------------------------------------


def _create_configuration(request: dict[str, Any]) -> Mapping[str, Any]:
    name = request["deploymentConfigName"]
    if name in here().configurations:
        raise ServiceError("DeploymentConfigAlreadyExistsException", f"Deployment configuration exists already: {name}")
    routing = request.get("trafficRoutingConfig") or {}
    if routing.get("type") in _ROUTING:
        kind, percentage, interval = _ROUTING[routing["type"]]
        values = routing.get(kind) or {}
        if not (1 <= values.get(percentage, 0) <= _MOST_PERCENT and 1 <= values.get(interval, 0) <= _LONGEST_INTERVAL):
            raise ServiceError(
                "InvalidTrafficRoutingConfigurationException",
                f"{kind} needs {percentage} from 1 to {_MOST_PERCENT}, and {interval} from 1 to {_LONGEST_INTERVAL}",
            )
    rest: dict[str, Any] = {key: request[key] for key in ("minimumHealthyHosts", "zonalConfig") if key in request}
    configuration = Configuration(name, request.get("computePlatform") or "Server", routing, rest)
    here().configurations[name] = configuration
    return {"deploymentConfigId": configuration.identifier}


def _get_configuration(request: dict[str, Any]) -> Mapping[str, Any]:
    configuration = here().configuration(request["deploymentConfigName"])
    return {
        "deploymentConfigInfo": {
            "deploymentConfigId": configuration.identifier,
            "deploymentConfigName": configuration.name,
            "createTime": configuration.created,
            "computePlatform": configuration.platform,
            **({"trafficRoutingConfig": configuration.routing} if configuration.routing else {}),
            **configuration.rest,
        }
    }


def _list_configurations(_request: dict[str, Any]) -> Mapping[str, Any]:
    return {"deploymentConfigsList": list(here().configurations)}


def _delete_configuration(request: dict[str, Any]) -> Mapping[str, Any]:
    name = request["deploymentConfigName"]
    users = (group for application in here().applications.values() for group in application.groups.values())
    if any(group.settings.get("deploymentConfigName") == name for group in users):
        raise ServiceError("DeploymentConfigInUseException", f"The deployment configuration is in use: {name}")
    here().configurations.pop(name, None)
    return {}


# --- Deployments ------------------------------------------------------------------------------------------------------


def create_deployment(
    group: Group, revision: Mapping[str, Any], *, configuration: str = "", description: str = "", creator: str = "user"
) -> Deployment:
    """Start a deployment of a function.

    Args:
        group: Its deployment group.
        revision: With an AppSpec of a function.
        configuration: Name of another configuration than the group's.
        description: What it is for.
        creator: `user` or `CloudFormation`.

    Raises:
        ServiceError: the revision has no AppSpec of a function, or another deployment of the group has not ended.
    """
    for other in here().deployments.values():
        if other.group is group and not other.is_over:
            raise ServiceError(
                "DeploymentLimitExceededException",
                f"The Deployment Group '{group.name}' already has an active Deployment '{other.identifier}'",
            )
    function, hooks = _parts(specification(revision))
    deployment = Deployment(
        scope=(_responses.get_account_id(), _responses.get_region()),
        group=group,
        configuration=here().configuration(configuration or group.settings["deploymentConfigName"]),
        function=str(function["Name"]).rpartition(":")[2],
        alias=str(function["Alias"]),
        current=str(function["CurrentVersion"]),
        target=str(function["TargetVersion"]),
        revision=revision,
        creator=creator,
        events=traffic.lifecycle(hooks),
        description=description,
    )
    traffic.start(deployment)
    return deployment


def _parts(read: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return the properties of the function of an AppSpec, and its hooks."""
    sections = {str(key).lower(): value for key, value in read.items()}
    try:
        [named] = sections["resources"]
        [resource] = named.values()
        properties: Mapping[str, Any] = resource["Properties"]
        missing = {"Name", "Alias", "CurrentVersion", "TargetVersion"} - properties.keys()
        hooks = {str(name): str(function) for one in sections.get("hooks") or [] for name, function in one.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServiceError(
            "InvalidRevisionException", "The AppSpec has to have one resource with Type and Properties."
        ) from error
    if resource.get("Type") != "AWS::Lambda::Function" or missing:
        wanted = "AWS::Lambda::Function with Name, Alias, CurrentVersion and TargetVersion"
        raise ServiceError("InvalidRevisionException", f"The resource of the AppSpec has to be {wanted}.")
    return properties, hooks


def _create_deployment(request: dict[str, Any]) -> Mapping[str, Any]:
    application = here().application(request["applicationName"])
    if application.platform != _LAMBDA:
        raise ServiceError(
            "InvalidComputePlatformException",
            f"The embedded cloud deploys functions only, and {application.name} is of {application.platform}",
        )
    group = here().group(application.name, request.get("deploymentGroupName", ""))
    if not request.get("revision"):
        raise ServiceError("RevisionRequiredException", "Revision is required")
    deployment = create_deployment(
        group,
        request["revision"],
        configuration=request.get("deploymentConfigName", ""),
        description=request.get("description", ""),
    )
    return {"deploymentId": deployment.identifier}


def _deployment_info(deployment: Deployment) -> Mapping[str, Any]:
    counts = {"Pending": 0, "InProgress": 0, "Succeeded": 0, "Failed": 0, "Skipped": 0, "Ready": 0}
    counts[_target_status(deployment)] = 1
    group = deployment.group
    return {
        "applicationName": group.application,
        "deploymentGroupName": group.name,
        "deploymentConfigName": deployment.configuration.name,
        "deploymentId": deployment.identifier,
        "revision": deployment.revision,
        "status": deployment.status,
        "createTime": deployment.created,
        "startTime": deployment.created,
        "deploymentOverview": counts,
        "description": deployment.description,
        "creator": deployment.creator,
        "computePlatform": _LAMBDA,
        **{key: group.settings[key] for key in _ANSWERED if key in group.settings},
        **({"errorInformation": deployment.error} if deployment.error else {}),
        **({"rollbackInfo": deployment.rollback} if deployment.rollback else {}),
        **({"completeTime": deployment.completed} if deployment.completed else {}),
    }


def _target_status(deployment: Deployment) -> str:
    return {"Created": "Pending", "Stopped": "Failed"}.get(deployment.status, deployment.status)


def _get_deployment(request: dict[str, Any]) -> Mapping[str, Any]:
    return {"deploymentInfo": _deployment_info(here().deployment(request["deploymentId"]))}


def _batch_get_deployments(request: dict[str, Any]) -> Mapping[str, Any]:
    found = here().deployments
    return {"deploymentsInfo": [_deployment_info(found[one]) for one in request["deploymentIds"] if one in found]}


def _list_deployments(request: dict[str, Any]) -> Mapping[str, Any]:
    application, group = request.get("applicationName"), request.get("deploymentGroupName")
    statuses = request.get("includeOnlyStatuses") or ()
    matching = (
        deployment
        for deployment in reversed(here().deployments.values())
        if application in (None, deployment.group.application)
        and group in (None, deployment.group.name)
        and (not statuses or deployment.status in statuses)
    )
    return {"deployments": [deployment.identifier for deployment in matching]}


def _stop_deployment(request: dict[str, Any]) -> Mapping[str, Any]:
    deployment = here().deployment(request["deploymentId"])
    if deployment.is_over:
        raise ServiceError(
            "DeploymentAlreadyCompletedException", f"The deployment {deployment.identifier} has already completed"
        )
    automatic = deployment.group.rolls_back("DEPLOYMENT_STOP_ON_REQUEST")
    deployment.stop_requested = bool(request.get("autoRollbackEnabled", automatic))
    return {"status": "Pending", "statusMessage": "Stopping the deployment"}


def _target_id(deployment: Deployment) -> str:
    return f"{deployment.function}:{deployment.alias}"


def _list_targets(request: dict[str, Any]) -> Mapping[str, Any]:
    return {"targetIds": [_target_id(here().deployment(request["deploymentId"]))]}


def _target(deployment: Deployment) -> Mapping[str, Any]:
    account, region = deployment.scope
    ends = [event.ended or event.started or 0.0 for event in deployment.events]
    return {
        "deploymentTargetType": "LambdaTarget",
        "lambdaTarget": {
            "deploymentId": deployment.identifier,
            "targetId": _target_id(deployment),
            "targetArn": f"arn:aws:lambda:{region}:{account}:function:{_target_id(deployment)}",
            "status": _target_status(deployment),
            "lastUpdatedAt": max(deployment.created, *ends),
            "lifecycleEvents": [_event_info(event) for event in deployment.events],
            "lambdaFunctionInfo": {
                "functionName": deployment.function,
                "functionAlias": deployment.alias,
                "currentVersion": deployment.current,
                "targetVersion": deployment.target,
                "targetVersionWeight": deployment.weight / 100,
            },
        },
    }


def _event_info(event: Event) -> Mapping[str, Any]:
    return {
        "lifecycleEventName": event.name,
        "status": event.status,
        **({"startTime": event.started} if event.started else {}),
        **({"endTime": event.ended} if event.ended else {}),
        **({"diagnostics": {"errorCode": "UnknownError", "message": event.message}} if event.message else {}),
    }


def _get_target(request: dict[str, Any]) -> Mapping[str, Any]:
    return {"deploymentTarget": _target(_targeted(request["deploymentId"], request["targetId"]))}


def _batch_get_targets(request: dict[str, Any]) -> Mapping[str, Any]:
    identifier = request["deploymentId"]
    return {"deploymentTargets": [_target(_targeted(identifier, target)) for target in request["targetIds"]]}


def _targeted(identifier: str, target: str) -> Deployment:
    deployment = here().deployment(identifier)
    if target != _target_id(deployment):
        raise ServiceError("DeploymentTargetDoesNotExistException", f"The deployment has no target {target}")
    return deployment


def _put_hook_status(request: dict[str, Any]) -> Mapping[str, Any]:
    deployment, status = here().deployment(request["deploymentId"]), request.get("status")
    execution = request.get("lifecycleEventHookExecutionId")
    found = [event for event in deployment.events if event.function and event.execution == execution]
    if not found:
        raise ServiceError(
            "InvalidLifecycleEventHookExecutionIdException", f"The deployment has no hook execution {execution}"
        )
    if status not in _RESULTS:
        raise ServiceError(
            "InvalidLifecycleEventHookExecutionStatusException", f"{status} is neither Succeeded nor Failed"
        )
    [event] = found
    if event.status != "InProgress" or deployment.is_over:
        raise ServiceError("LifecycleEventAlreadyCompletedException", f"{event.name} has already completed")
    event.become(status)
    return {"lifecycleEventHookExecutionId": execution}


_OPERATIONS: Mapping[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
    "CreateApplication": _create_application,
    "GetApplication": _get_application,
    "ListApplications": _list_applications,
    "DeleteApplication": _delete_application,
    "CreateDeploymentGroup": _create_group,
    "UpdateDeploymentGroup": _update_group,
    "GetDeploymentGroup": _get_group,
    "ListDeploymentGroups": _list_groups,
    "DeleteDeploymentGroup": _delete_group,
    "CreateDeploymentConfig": _create_configuration,
    "GetDeploymentConfig": _get_configuration,
    "ListDeploymentConfigs": _list_configurations,
    "DeleteDeploymentConfig": _delete_configuration,
    "CreateDeployment": _create_deployment,
    "GetDeployment": _get_deployment,
    "BatchGetDeployments": _batch_get_deployments,
    "ListDeployments": _list_deployments,
    "StopDeployment": _stop_deployment,
    "ListDeploymentTargets": _list_targets,
    "GetDeploymentTarget": _get_target,
    "BatchGetDeploymentTargets": _batch_get_targets,
    "PutLifecycleEventHookExecutionStatus": _put_hook_status,
}


@json_service("codedeploy", target="CodeDeploy_20141006")
def _serve(operation: str, request: dict[str, Any], _caller: Caller) -> Mapping[str, Any]:
    if operation not in _OPERATIONS:
        raise ServiceError("InvalidInputException", f"{operation} is not one of {', '.join(_OPERATIONS)}")
    return _OPERATIONS[operation](request)


# --- Permissions ------------------------------------------------------------------------------------------------------


@resource_of("codedeploy")
def _resource(_known: Callable[[bytes], str], request: Request) -> str:
    try:
        values = json.loads(request.body or b"{}")
    except ValueError:  # refused by the service
        return "*"
    prefix = f"arn:aws:codedeploy:{request.region}:{request.account}"
    if (deployment := values.get("deploymentId")) or (deployment := _first(values.get("deploymentIds"))):
        found = here().deployments.get(deployment)
        return f"{prefix}:deploymentgroup:{found.group.application}/{found.group.name}" if found else "*"
    group = values.get("deploymentGroupName") or values.get("currentDeploymentGroupName")
    if group:
        return f"{prefix}:deploymentgroup:{values.get('applicationName')}/{group}"
    if application := values.get("applicationName"):
        return f"{prefix}:application:{application}"
    configuration = values.get("deploymentConfigName")
    return f"{prefix}:deploymentconfig:{configuration}" if configuration else "*"


def _first(values: Iterable[str] | None) -> str | None:
    return next(iter(values or ()), None)
