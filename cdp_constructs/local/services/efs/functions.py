"""EFS: the file systems that functions mount, as folders of this machine.

A function has no file system of its own here: the hooks that containers have lead paths in Python and Node.js to the
folder. It runs as the POSIX user of its access point, as containers do.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.containers import hooked
from cdp_constructs.local.kit import lost_zones, ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.kit.refine import after, before
from cdp_constructs.local.kit.refusals import refused
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.ec2 import parties, zones
from cdp_constructs.local.services.efs import folders
from cdp_constructs.local.services.efs.folders import Mounted
from cdp_constructs.local.services.lambda_ import starts

_efs: Any = ministack.module("services.efs", "_access_points", "_mount_targets")
_lambda: Any = ministack.module("services.lambda_svc", "_functions")
_lambda_runtime: Any = ministack.module("core.lambda_runtime", "invalidate_worker")
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region", "request_scope")

_FUNCTION = "AWS::Lambda::Function"
_LOCAL_PATH = re.compile(r"/mnt/[a-zA-Z0-9-_.]+")
_UNREACHABLE, _FAILED = "EFSMountConnectivityException", "EFSMountFailureException"
_STATUSES = {_UNREACHABLE: 408, _FAILED: 403}
"""https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors"""


def _wanted(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the ARN of each access point that a function mounts, and the path; file systems of other kinds are left."""
    for each in properties.get("FileSystemConfigs") or []:
        if ":elasticfilesystem:" in each.get("Arn", ""):
            yield each["Arn"], each["LocalMountPath"]


def _subnets(properties: Mapping[str, Any]) -> list[str]:
    return (properties.get("VpcConfig") or {}).get("SubnetIds") or []


def _mount(config: Mapping[str, Any], name: str, point: str) -> Mounted:
    record = _efs._access_points.get(point.rpartition("/")[2])
    if record is None:
        raise FileNotFoundError(f"there is no access point {point}")
    zone = lost_zones.least_used(zones.of_subnets(_subnets(config)), [])
    if zone is None:
        raise TimeoutError("the zones of the function's subnets are lost")
    client = parties.of_function(_responses.get_account_id(), _responses.get_region(), name)
    return folders.mount(client, zone, record["FileSystemId"], record["AccessPointId"])


def _mounted(config: Mapping[str, Any]) -> dict[str, Mounted]:
    """Return what a function has mounted, by path.

    Raises:
        OSError: something cannot be mounted; the message says why.
    """
    if not config.get("FileSystemConfigs"):
        return {}
    region, account, _, name = str(config["FunctionArn"]).split(":")[3:7]
    with _responses.request_scope(account, region):
        return {path: _mount(config, name, point) for point, path in _wanted(config)}


# --- Creation ---------------------------------------------------------------------------------------------------------


@before(_FUNCTION)
def _check(properties: Properties) -> None:
    for point, path in _wanted(properties):
        if not _LOCAL_PATH.fullmatch(path):
            fix = f"failed to satisfy constraint: Member must satisfy regular expression pattern: {_LOCAL_PATH.pattern}"
            raise ValueError(f"1 validation error detected: Value '{path}' at 'localMountPath' {fix}")
        if not _subnets(properties):
            raise ValueError(f"Function must be configured to execute in a VPC to reference access point {point}.")
        # An access point that is not here, because it was imported, is missed when the function runs.
        system = (_efs._access_points.get(point.rpartition("/")[2]) or {}).get("FileSystemId")
        targets = [each for each in _efs._mount_targets.values() if each["FileSystemId"] == system]
        without = set(zones.of_subnets(_subnets(properties))) - {each["AvailabilityZoneName"] for each in targets}
        if system and without:
            raise ValueError(
                f"EFS file system {system} does not have mount targets created in all availability zones the function "
                f"will execute in; there is none in {', '.join(sorted(without))}."
            )


@after(_FUNCTION)
def _keep(name: str, properties: Properties, _attributes: Attributes) -> None:
    config = _lambda._functions[name]["config"]
    mounted = config.get("FileSystemConfigs") or []
    config["FileSystemConfigs"] = properties.get("FileSystemConfigs") or []
    if config["FileSystemConfigs"] != mounted:  # workers that run have what they were started with
        place = _responses.get_account_id(), _responses.get_region()
        _lambda_runtime.invalidate_worker(name, "$LATEST", *place)


# --- Start and invocation ---------------------------------------------------------------------------------------------


@patch_each("ministack.core.lambda_runtime:Worker._spawn", "ministack.core.lambda_runtime:ProvidedWorker._spawn")
def _spawn(original: Callable[..., None], worker: Any, *arguments: Any, **options: Any) -> None:
    mounted = _mounted(worker.config)
    if not mounted:
        original(worker, *arguments, **options)
        return
    found = hooked.Folders({path: str(each.folder) for path, each in mounted.items()})

    def variables(given: Mapping[str, str]) -> Mapping[str, str]:
        return {**hooked.variables(given, hooked.VOLUMES_OF_NODE), **found.variables}

    with starts.changing(starts.Start(next(iter(mounted.values())).sandbox, variables)):
        original(worker, *arguments, **options)


@patch("ministack.services.lambda_svc:_execute_function_warm")
def _execute(original: Callable[..., dict[str, Any]], function: Any, *others: Any, **options: Any) -> dict[str, Any]:
    """Fail with the name that Lambda has for a file system that cannot be mounted."""
    try:
        _mounted(function.get("config") or function)
    except OSError as error:
        code = _UNREACHABLE if isinstance(error, TimeoutError) else _FAILED
        return {"body": {"errorType": code, "errorMessage": str(error)}, "error": True, "log": ""}
    return original(function, *others, **options)


@patch("ministack.services.lambda_svc:_invoke")
async def _invoke(original: Callable[..., Awaitable[Any]], name: str, *arguments: Any, **options: Any) -> Any:
    """To a caller who waits this is an error of Lambda, and not of the function."""
    answer = await original(name, *arguments, **options)
    config = (_lambda._functions.get(name) or {}).get("config") or {}
    if config.get("FileSystemConfigs") and "X-Amz-Function-Error" in answer[1]:
        error = json.loads(answer[2])
        if status := _STATUSES.get(error.get("errorType")):
            return refused("lambda", error["errorType"], error["errorMessage"], status, {})
    return answer
