"""CodeDeploy: CloudFormation lets it move an alias with the update policy `CodeDeployLambdaAliasUpdate`.

An update of the stack waits for the deployment, and is rolled back when that fails. In such a roll-back, aliases get
their former version at once.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.json_service import ServiceError
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import handler
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.codedeploy import traffic
from cdp_constructs.local.services.codedeploy.api import create_deployment
from cdp_constructs.local.services.codedeploy.model import here

__all__ = ["RESOURCE_TYPES"]

_cloudformation: Any = ministack.module("services.cloudformation", "_stacks")
_engine: Any = ministack.module(
    "services.cloudformation.engine", "_evaluate_conditions", "_parse_template", "_resolve_refs"
)
_lambda: Any = ministack.module("services.lambda_svc", "_functions", "_update_alias")

_ALIAS = "AWS::Lambda::Alias"
_LOOK_EVERY = 0.1
_HOOKS = {"BeforeAllowTrafficHook": traffic.BEFORE, "AfterAllowTrafficHook": traffic.AFTER}

RESOURCE_TYPES: tuple[ResourceType, ...] = (ResourceType(name=_ALIAS, blocking=True),)


def _rolls_back(stack_name: str) -> bool:
    """Whether a stack, or one that it is nested in, is being rolled back."""
    stack = _cloudformation._stacks.get(stack_name)
    if stack is None:
        return False
    return "ROLLBACK" in stack.get("StackStatus", "") or _rolls_back(stack.get("_parent_stack_name", ""))


def _policy(stack_name: str, logical_id: str) -> Mapping[str, Any]:
    """Return the update policy of an alias in the template that is being deployed; empty in a roll-back."""
    if _rolls_back(stack_name):
        return {}
    stack = _cloudformation._stacks.get(stack_name) or {}
    body = stack.get("_template_body")
    template = _engine._parse_template(body) if body else stack.get("_template") or {}
    resource = (template.get("Resources") or {}).get(logical_id) or {}
    policy = (resource.get("UpdatePolicy") or {}).get("CodeDeployLambdaAliasUpdate")
    if not policy:
        return {}
    parameters = stack.get("_resolved_params") or {}
    resolved: Mapping[str, Any] = _engine._resolve_refs(
        policy,
        stack.get("_resources") or {},
        parameters,
        _engine._evaluate_conditions(template, parameters),
        template.get("Mappings") or {},
        stack_name,
        stack.get("StackId", ""),
    )
    return resolved


@patch(handler(_ALIAS, "update"))
def _update(
    original: Callable[..., tuple[str, Attributes]],
    physical_id: str,
    old: Properties,
    new: Properties,
    stack_name: str,
    logical_id: str = "",
) -> tuple[str, Attributes]:
    same = all(old.get(name) == new.get(name) for name in ("FunctionName", "Name"))
    if same and old.get("FunctionVersion") != new.get("FunctionVersion"):
        policy = _policy(stack_name, logical_id)
        if policy:
            _deploy(policy, old, new)
    return original(physical_id, old, new, stack_name, logical_id)


def _deploy(policy: Mapping[str, Any], old: Properties, new: Properties) -> None:
    """Move the alias, and wait until that is done.

    Raises:
        ValueError: the deployment failed or was stopped; the alias has the version that it had.
    """
    function, alias = str(new["FunctionName"]).rpartition(":")[2], str(new["Name"])
    versions = {"CurrentVersion": str(old["FunctionVersion"]), "TargetVersion": str(new["FunctionVersion"])}
    resource = {"Type": "AWS::Lambda::Function", "Properties": {"Name": function, "Alias": alias, **versions}}
    hooks = [{name: policy[key]} for key, name in _HOOKS.items() if policy.get(key)]
    content = json.dumps({"version": 0.0, "Resources": [{function: resource}], "Hooks": hooks})
    try:
        group = here().group(policy["ApplicationName"], policy["DeploymentGroupName"])
        deployment = create_deployment(
            group, {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}, creator="CloudFormation"
        )
    except ServiceError as error:
        raise ValueError(f"{error} (Service: AmazonCodeDeploy, {error.code})") from error
    while not deployment.is_over:
        time.sleep(_LOOK_EVERY)
    if deployment.status != "Succeeded":
        if not deployment.rollback:
            _lambda._update_alias(function, alias, {"FunctionVersion": old["FunctionVersion"], "RoutingConfig": {}})
        code, message = deployment.error.get("code", ""), deployment.error.get("message", "")
        raise ValueError(
            f"CodeDeploy deployment {deployment.identifier} has {deployment.status.lower()}: {code}: {message}"
        )
