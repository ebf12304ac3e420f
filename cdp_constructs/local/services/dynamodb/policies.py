"""DynamoDB: policies of tables and streams, those of templates too, and what they decide.

MiniStack keeps what `PutResourcePolicy` has, and evaluates none.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.types import Properties

__all__ = ["forget_policies", "put_policies", "put_policies_of_replicas"]

_ddb: Any = ministack.module("services.dynamodb", "_resource_policies", "_tables", "new_uuid")
_responses: Any = ministack.module("core.responses")

_OK = 200
_from_templates: set[str] = set()
"""ARNs whose policy a template has put."""


@patch("ministack.core.iam_evaluator:_resource_policy")
def _policy_and_owner(original: Callable[..., Any], service: str, resource_arn: str) -> Any:
    if service != "dynamodb" or ":table/" not in resource_arn:
        return original(service, resource_arn)
    *_, region, account, _resource = resource_arn.split(":", 5)
    # An index has the policy of its table, a stream one of its own.
    entry = _ddb._resource_policies.get_scoped(account, region, resource_arn.partition("/index/")[0])
    if entry is None and account == _responses.get_account_id():
        return None
    return entry["Policy"] if entry else "", account


@patch("ministack.services.dynamodb:_create_table")
def _create(original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
    answer = original(data)
    if answer[0] == _OK and data.get("ResourcePolicy"):
        _put(_ddb._tables[data["TableName"]]["TableArn"], data["ResourcePolicy"], _responses.get_region())
    return answer


@patch("ministack.services.dynamodb:_delete_table")
def _delete(original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
    answer = original(data)
    if answer[0] == _OK:
        forget_policies(str(data["TableName"]).rpartition("/")[2])
    return answer


def _put(arn: str, policy: Any, region: str) -> None:
    text = policy if isinstance(policy, str) else json.dumps(policy)
    entry = {"Policy": text, "RevisionId": _ddb.new_uuid()}
    _ddb._resource_policies.set_scoped(_responses.get_account_id(), region, arn, entry)


def forget_policies(name: str) -> None:
    """Remove the policies of a table that is deleted, and of its streams."""
    for arn in list(_ddb._resource_policies):
        if arn.partition(":table/")[2].partition("/")[0] == name:
            del _ddb._resource_policies[arn]
            _from_templates.discard(arn)


def put_policies(name: str, properties: Properties) -> None:
    """Give a table and its stream the policies that a template has for them."""
    _apply(_ddb._tables[name], properties, properties.get("StreamSpecification"), _responses.get_region())


def put_policies_of_replicas(name: str, properties: Properties) -> None:
    """Give each replica of a global table, and its stream, the policies that a template has for them."""
    for replica in properties.get("Replicas") or ():
        region = replica["Region"]
        table = _ddb._tables.get_scoped(_responses.get_account_id(), region, name)
        _apply(table, replica, replica.get("ReplicaStreamSpecification"), region)


def _apply(table: Mapping[str, Any], own: Properties, stream: Properties | None, region: str) -> None:
    for arn, described in ((table["TableArn"], own), (table.get("LatestStreamArn"), stream)):
        policy = ((described or {}).get("ResourcePolicy") or {}).get("PolicyDocument")
        if arn and policy:
            _put(arn, policy, region)
            _from_templates.add(arn)
        elif arn in _from_templates:
            _from_templates.discard(arn)
            _ddb._resource_policies.pop_scoped(_responses.get_account_id(), region, arn, None)
