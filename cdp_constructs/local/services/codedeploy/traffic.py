"""CodeDeploy: what becomes of a deployment: hooks, shifts of the alias, alarms that stop it, and the way back.

Its minutes are those of the clock of metrics, so that alarms and shifts agree. While a deployment waits, that clock is
moved by a minute each second, so that nobody waits for ten minutes; between `POST /_cdp/codedeploy/hold` with
`{"held": true}` and the same with `false` it is not, and `POST /_cdp/metrics/advance` moves it.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.metrics import gauge
from cdp_constructs.local.kit.ticking import Ticking
from cdp_constructs.local.services.cloudwatch.timekeeping import advance
from cdp_constructs.local.services.codedeploy.model import Deployment, Event, all_deployments, here
from cdp_constructs.local.services.iam.evaluation import role_allows
from cdp_constructs.local.services.lambda_.invocation import FunctionNotFoundError, invoke

__all__ = ["AFTER", "BEFORE", "lifecycle", "start"]

_cloudwatch: Any = ministack.module("services.cloudwatch", "_alarms")
_concurrency: Any = ministack.module("core.concurrency", "spawn_background")
_events: Any = ministack.module("services.eventbridge", "_put_events")
_iam: Any = ministack.module("services.iam", "_roles")
_lambda: Any = ministack.module("services.lambda_svc", "_functions", "_update_alias")

BEFORE, _ALLOW, AFTER = "BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"
_PASSED = {"Succeeded", "Skipped"}
_ALL = 100
_LOOK_EVERY = 0.1
_MINUTE = 60
_MINUTE_LASTS = 1.0
"""Seconds of the machine that a minute of a deployment lasts."""
_HOOK_MAY_TAKE = 3600
_REFUSED = 400

_logger = logging.getLogger(__name__)
_held = [0]
_moved_at = [0.0]


class _DeploymentError(Exception):
    """A deployment cannot go on; the code is one of `errorInformation`."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def lifecycle(hooks: Mapping[str, str]) -> list[Event]:
    """Return the lifecycle events of a deployment, with the functions that are its hooks."""
    return [Event("Start"), *(Event(name, hooks.get(name, "")) for name in (BEFORE, _ALLOW, AFTER)), Event("End")]


def start(deployment: Deployment) -> None:
    """Let a deployment begin; it goes on by itself."""
    here().deployments[deployment.identifier] = deployment
    _publish(deployment, "START")


def _step(deployment: Deployment) -> None:
    """Do what is due."""
    if deployment.stop_requested is not None:
        message = "The deployment has been stopped by a user."
        _end(deployment, "Stopped", "MANUAL_STOP", message, roll_back=deployment.stop_requested)
        return
    try:
        if deployment.status == "Created":
            _check(deployment)
            deployment.status = "InProgress"
            deployment.event("Start").become("Succeeded")
        if active := _active_alarms(deployment):
            _stop_on_alarm(deployment, active)
            return
        for event in deployment.events:
            if event.status not in _PASSED and not _done(deployment, event):
                return
        _complete(deployment)
    except _DeploymentError as error:
        roll_back = deployment.group.rolls_back("DEPLOYMENT_FAILURE")
        _end(deployment, "Failed", error.code, str(error), roll_back=roll_back)


def _done(deployment: Deployment, event: Event) -> bool:
    """Go on with a lifecycle event, and return whether it is over."""
    if event.name == _ALLOW:
        return _shift(deployment, event)
    if event.name in {BEFORE, AFTER} and event.function:
        return _called_back(deployment, event)
    event.become("Succeeded" if event.name == "End" else "Skipped")
    return True


# --- The alias --------------------------------------------------------------------------------------------------------


def _function_arn(deployment: Deployment, name: str = "") -> str:
    account, region = deployment.scope
    return f"arn:aws:lambda:{region}:{account}:function:{name or deployment.function}"


def _require(deployment: Deployment, action: str, resource: str) -> None:
    """Fail when the role does not allow an action; one that does not exist here, as it was imported, is not asked."""
    role = deployment.group.role
    if role.rpartition("/")[2] in _iam._roles and not role_allows(role, "codedeploy", action, resource):
        raise _DeploymentError(
            "IAM_ROLE_PERMISSIONS",
            f"The deployment failed because the service role {role} does not have permission to perform {action} on "
            f"{resource}.",
        )


def _check(deployment: Deployment) -> None:
    """Compare the revision with the function, as it is."""
    function = _lambda._functions.get(deployment.function)
    if function is None:
        raise _DeploymentError("INVALID_LAMBDA_FUNCTION", f"The function {deployment.function} does not exist.")
    _require(deployment, "lambda:GetAlias", _function_arn(deployment))
    alias = function["aliases"].get(deployment.alias) or {}
    if alias.get("FunctionVersion") != deployment.current:
        raise _DeploymentError(
            "INVALID_LAMBDA_CONFIGURATION",
            "The Lambda function alias version does not match the current version in AppSpec file.",
        )
    if deployment.target not in function["versions"]:
        raise _DeploymentError(
            "INVALID_LAMBDA_CONFIGURATION", f"The function has no version {deployment.target}, the target version."
        )


def _shift(deployment: Deployment, event: Event) -> bool:
    if deployment.shifting_since is None:
        event.become("InProgress")
        deployment.shifting_since = clock.now()
        _moved_at[0] = time.monotonic()
    passed = clock.now() - deployment.shifting_since
    percentage = max(shift.percentage for shift in deployment.configuration.shifts() if shift.after <= passed)
    if percentage != deployment.weight:
        if percentage == _ALL:
            _point(deployment, deployment.target, {})
        else:
            _point(deployment, deployment.current, {deployment.target: percentage / _ALL})
        deployment.weight = percentage
    if percentage == _ALL:
        event.become("Succeeded")
    return percentage == _ALL


def _point(deployment: Deployment, version: str, weights: Mapping[str, float]) -> None:
    _require(deployment, "lambda:UpdateAlias", _function_arn(deployment))
    wanted = {"FunctionVersion": version, "RoutingConfig": {"AdditionalVersionWeights": dict(weights)}}
    status, _, body = _lambda._update_alias(deployment.function, deployment.alias, wanted)
    if status >= _REFUSED:
        raise _DeploymentError("INVALID_LAMBDA_CONFIGURATION", body.decode())


# --- Hooks ------------------------------------------------------------------------------------------------------------


def _called_back(deployment: Deployment, event: Event) -> bool:
    """Call the hook, and return whether it has reported that it succeeded."""
    if event.started is None:
        event.become("InProgress")
        _require(deployment, "lambda:InvokeFunction", _function_arn(deployment, event.function.rpartition(":")[2]))
        _concurrency.spawn_background(_call, deployment, event, thread_name="codedeploy-hook")
    if event.status == "InProgress" and clock.now() - (event.started or 0) > _HOOK_MAY_TAKE:
        event.become("Failed", "The hook did not report within an hour.")
    if event.status == "Failed":
        reason = event.message or "It reported that it failed."
        raise _DeploymentError(
            "HOOK_EXECUTION_FAILURE",
            f"The deployment failed because one of the lifecycle event validation functions failed: {event.name}, "
            f"{event.function}. {reason}",
        )
    return event.status == "Succeeded"


def _call(deployment: Deployment, event: Event) -> None:
    request = {"DeploymentId": deployment.identifier, "LifecycleEventHookExecutionId": event.execution}
    try:
        answer = invoke(event.function, request)
    except FunctionNotFoundError as error:
        event.become("Failed", str(error))
        return
    event.has_returned = True
    # AWS waits for an hour, whatever the function ends with.
    if answer.get("error") and event.status == "InProgress":
        event.become("Failed", str((answer.get("body") or {}).get("errorMessage", "")))


# --- The end ----------------------------------------------------------------------------------------------------------


def _active_alarms(deployment: Deployment) -> list[str]:
    names = deployment.group.alarms
    if not names:
        return []
    account, region = deployment.scope
    for name in names:
        _require(deployment, "cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}")
    alarms = ((name, _cloudwatch._alarms.get(name)) for name in names)
    return [name for name, alarm in alarms if alarm and alarm["StateValue"] == "ALARM"]


def _stop_on_alarm(deployment: Deployment, active: list[str]) -> None:
    roll_back = deployment.group.rolls_back("DEPLOYMENT_STOP_ON_ALARM")
    message = (
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the "
        f"affected deployments have been stopped. Activated alarms: <{', '.join(active)}>"
    )
    _end(deployment, "Stopped", "ALARM_ACTIVE", message, roll_back=roll_back)


def _complete(deployment: Deployment) -> None:
    deployment.status, deployment.completed = "Succeeded", clock.now()
    _publish(deployment, "SUCCESS")


def _end(deployment: Deployment, status: str, code: str, message: str, *, roll_back: bool) -> None:
    for event in deployment.events:
        if event.ended is None:
            event.become("Failed" if event.started is not None else "Skipped")
    deployment.error = {"code": code, "message": message}
    if roll_back:
        _roll_back(deployment)
    deployment.status, deployment.completed = status, clock.now()
    _publish(deployment, "STOP" if status == "Stopped" else "FAILURE")


def _roll_back(failed: Deployment) -> None:
    """Point the alias to the version that it had, in a deployment of its own."""
    deployment = Deployment(
        scope=failed.scope,
        group=failed.group,
        configuration=here().configuration("CodeDeployDefault.LambdaAllAtOnce"),
        function=failed.function,
        alias=failed.alias,
        current=failed.target,
        target=failed.current,
        revision=failed.revision,
        creator="codeDeployRollback",
        events=lifecycle({}),
        rollback={"rollbackTriggeringDeploymentId": failed.identifier},
    )
    start(deployment)
    failed.rollback = {
        "rollbackDeploymentId": deployment.identifier,
        "rollbackMessage": "The deployment was rolled back.",
    }
    try:
        function = _lambda._functions.get(failed.function) or {}
        if failed.alias in function.get("aliases", {}):
            _point(deployment, failed.current, {})
    except _DeploymentError as error:
        deployment.error = {"code": error.code, "message": str(error)}
        deployment.status, deployment.completed = "Failed", clock.now()
        _publish(deployment, "FAILURE")
        return
    for event in deployment.events:
        event.become("Succeeded")
    deployment.weight = _ALL
    _complete(deployment)


def _publish(deployment: Deployment, state: str) -> None:
    """Send the event of EventBridge.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
    """
    account, region = deployment.scope
    group = deployment.group
    detail = {
        "region": region,
        "deploymentId": deployment.identifier,
        "instanceGroupId": group.identifier,
        "deploymentGroup": group.name,
        "state": state,
        "application": group.application,
    }
    entry = {
        "Source": "aws.codedeploy",
        "DetailType": "CodeDeploy Deployment State-change Notification",
        "Resources": [
            f"arn:aws:codedeploy:{region}:{account}:application:{group.application}",
            f"arn:aws:codedeploy:{region}:{account}:deploymentgroup:{group.application}/{group.name}",
        ],
        "Detail": json.dumps(detail),
    }
    _events._put_events({"Entries": [entry]}, allow_aws_source=True)


# --- Time -------------------------------------------------------------------------------------------------------------


def _go_on() -> None:
    for deployment in all_deployments():
        try:
            _step(deployment)
        except Exception as error:
            _logger.exception("deployment %s", deployment.identifier)
            _end(deployment, "Failed", "INTERNAL_ERROR", str(error), roll_back=False)


@gauge
def _in_each_minute() -> None:
    """Go on in each minute that the clock is moved by, so that no alarm rises and ends in between."""
    _go_on()


def _waits_for_time(deployment: Deployment) -> bool:
    """Whether only time lets it go on: not while a hook runs."""
    return any(
        event.status == "InProgress" and (event.name == _ALLOW or event.has_returned) for event in deployment.events
    )


def _tick() -> None:
    _go_on()
    waiting = any(_waits_for_time(deployment) for deployment in all_deployments())
    if waiting and not _held[0] and time.monotonic() - _moved_at[0] >= _MINUTE_LASTS:
        _moved_at[0] = time.monotonic()
        advance(_MINUTE)


def _is_going_on() -> bool:
    return any(True for _ in all_deployments())


def _let_go() -> None:
    _held[0] = 0


ticking = Ticking("codedeploy", every=_LOOK_EVERY, action=_tick, needed=_is_going_on, ended=_let_go)


@route("POST", "codedeploy/hold")
def _hold(request: Mapping[str, Any]) -> Mapping[str, Any]:
    _held[0] = max(0, _held[0] + (1 if request["held"] else -1))
    return {"held": bool(_held[0])}
