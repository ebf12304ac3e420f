"""DynamoDB: replicas of global tables from CloudFormation, expiry of items, recovery settings and policies.

Expired items are deleted once a minute, with the stream record of a deletion by the service;
`POST /_cdp/dynamodb/expire` does it now.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after, after_deletion, handler
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.kit.validation import InvalidValueError, validate
from cdp_constructs.local.services.dynamodb.policies import forget_policies, put_policies, put_policies_of_replicas
from cdp_constructs.local.services.dynamodb.replication import STRONG, event_loop, item_key

_ddb: Any = ministack.module(
    "services.dynamodb",
    "_apply_replica_updates",
    "_emit_stream_event",
    "_pitr_settings",
    "_replica_group",
    "_stream_records",
    "_tables",
    "_tags",
    "_ttl_settings",
    "_update_ttl",
)
_provisioners: Any = ministack.module("services.cloudformation.provisioners", "_ddb_attrs", "_ddb_delete")
_responses: Any = ministack.module("core.responses")

_REAPER = "dynamodb-ttl-reaper"  # the name of MiniStack's thread that deletes expired items
# MiniStack serves one record to functions, which see lower case, and to the API of streams, which writes upper case.
_SERVICE_IDENTITY = {
    "type": "Service",
    "principalId": "dynamodb.amazonaws.com",
    "Type": "Service",
    "PrincipalId": "dynamodb.amazonaws.com",
}


@route("POST", "dynamodb/expire")
def _expire(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Delete what has expired, with the stream record of a deletion by the service."""
    expired = 0
    for (account, region, name), setting in list(_ddb._ttl_settings.all_items()):
        table = _ddb._tables.get_scoped(account, region, name)
        if table is None or setting.get("TimeToLiveStatus") != "ENABLED":
            continue
        with _responses.request_scope(account, region):
            items = [item for by_sort_key in table["items"].values() for item in by_sort_key.values()]
            for item in items:
                if 0 < float(item.get(setting["AttributeName"], {}).get("N", 0)) <= time.time():
                    _delete_expired(table, item)
                    expired += 1
    return {"expired": expired}


def _delete_expired(table: dict[str, Any], item: dict[str, Any]) -> None:
    name = table["TableName"]
    partition, sort = item_key(table, item)
    _remove_item.original(table, partition, "__no_sort__" if table["sk_name"] is None else sort)
    _ddb._emit_stream_event(name, "REMOVE", item, None)
    if (table.get("StreamSpecification") or {}).get("StreamEnabled"):
        _ddb._stream_records[name][-1]["userIdentity"] = _SERVICE_IDENTITY


@patch("ministack.services.dynamodb:_remove_item")
def _remove_item(original: Callable[..., Any], table: dict[str, Any], partition: Any, sort: Any) -> Any:
    """MiniStack's reaper deletes without a stream record; when it runs, start `_expire` instead."""
    if threading.current_thread().name != _REAPER:
        return original(table, partition, sort)
    event_loop().call_soon_threadsafe(_expire, {})
    return None


@validate(types=("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"))
def _keys_are_defined(values: Mapping[str, Any]) -> None:
    indexes = [*(values.get("GlobalSecondaryIndexes") or ()), *(values.get("LocalSecondaryIndexes") or ())]
    schemas = [values.get("KeySchema") or (), *(index.get("KeySchema") or () for index in indexes)]
    used = {key["AttributeName"] for schema in schemas for key in schema}
    defined = {attribute["AttributeName"] for attribute in values.get("AttributeDefinitions") or ()}
    if used != defined:
        raise InvalidValueError(
            "ValidationException",
            "One or more parameter values were invalid: the attributes of keys are not those of AttributeDefinitions. "
            f"Keys: {sorted(used)}, definitions: {sorted(defined)}",
        )


@after("AWS::DynamoDB::Table")
def _provisioned_table(name: str, properties: Properties, _attributes: Attributes) -> None:
    _configure(name, properties)
    put_policies(name, properties)


def _configure(name: str, properties: Properties) -> None:
    time_to_live = properties.get("TimeToLiveSpecification")
    if time_to_live:
        enabled = str(time_to_live.get("Enabled", "true")).lower() == "true"
        specification = {"AttributeName": time_to_live["AttributeName"], "Enabled": enabled}
        _ddb._update_ttl({"TableName": name, "TimeToLiveSpecification": specification})
    _recovery(name, properties, _responses.get_region())


def _recovery(name: str, properties: Properties, region: str) -> None:
    specification = properties.get("PointInTimeRecoverySpecification") or {}
    enabled = str(specification.get("PointInTimeRecoveryEnabled", "false")).lower() == "true"
    _ddb._pitr_settings.set_scoped(_responses.get_account_id(), region, name, enabled)


@after_deletion("AWS::DynamoDB::Table")
def _deleted_table(name: str, _properties: Properties) -> None:
    _forget_settings(name)


def _forget_settings(name: str) -> None:
    _ddb._ttl_settings.pop(name, None)
    _ddb._pitr_settings.pop(name, None)
    forget_policies(name)


def _check_replicas(name: str, old: Properties, new: Properties) -> None:
    """Refuse what AWS::DynamoDB::GlobalTable cannot do in one update.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-globaltable.html
    """
    was, becomes = ({replica["Region"] for replica in each.get("Replicas", [])} for each in (old, new))
    if len(was ^ becomes) > 1:
        regions = ", ".join(sorted(was ^ becomes))
        raise ValueError(f"You can only add or remove a single replica in each update of {name}: {regions}")
    if len(was) > 1 and old.get("StreamSpecification") != new.get("StreamSpecification"):
        raise ValueError(f"StreamSpecification of {name} can only be modified when it has one entry in Replicas")
    for region in was - becomes:
        member = _ddb._tables.get_scoped(_responses.get_account_id(), region, name) or {}
        if member.get("DeletionProtectionEnabled"):
            raise ValueError(
                f"Resource cannot be deleted as it is currently protected against deletion: the replica of {name} in "
                f"{region}. Disable deletion protection first."
            )


@patch(handler("AWS::DynamoDB::GlobalTable", "update"))
def _update_global_table(
    original: Callable[..., tuple[str, Attributes]], name: str, old: Properties, new: Properties, stack_name: str
) -> tuple[str, Attributes]:
    _check_replicas(name, old, new)
    # The name is given, because MiniStack would generate another one from the handler's arguments and lose the items.
    return original(name, {**old, "TableName": name}, {**new, "TableName": name}, stack_name)


@after("AWS::DynamoDB::GlobalTable")
def _provisioned_global_table(name: str, properties: Properties, attributes: Attributes) -> None:
    """Make the replicas what the template says: MiniStack has provisioned the table of the stack's own Region."""
    home = _responses.get_region()
    table = _ddb._tables[name]
    replicas = {replica["Region"]: replica for replica in properties.get("Replicas", [])}
    if home not in replicas:
        raise ValueError(f"Replicas of {name} are {sorted(replicas)} without the stack's own Region {home}; add it")
    table[STRONG] = properties.get("MultiRegionConsistency") == "STRONG"
    present = set(_ddb._replica_group(table)) - {home}
    updates = [{"Delete": {"RegionName": region}} for region in sorted(present - set(replicas))]
    updates += [{"Create": {"RegionName": region}} for region in sorted(set(replicas) - present - {home})]
    if updates and (error := _ddb._apply_replica_updates(name, table, updates)):
        raise ValueError(f"replicas of {name}: {error[2]!r}")
    _configure(name, properties)
    # MiniStack reads it beside the write capacity, where this type has it in the replica.
    reads = replicas[home].get("ReadProvisionedThroughputSettings") or {}
    if least := (reads.get("ReadCapacityAutoScalingSettings") or {}).get("MinCapacity"):
        table["ProvisionedThroughput"]["ReadCapacityUnits"] = int(least)
    for region, replica in replicas.items():
        member = _ddb._tables.get_scoped(_responses.get_account_id(), region, name)
        member["DeletionProtectionEnabled"] = replica.get("DeletionProtectionEnabled", False)
        _recovery(name, replica, region)
        if replica.get("Tags"):
            _ddb._tags.set_scoped(_responses.get_account_id(), region, member["TableArn"], replica["Tags"])
    put_policies_of_replicas(name, properties)
    attributes |= {**_provisioners._ddb_attrs(table), "TableId": table["TableId"]}


@after_deletion("AWS::DynamoDB::GlobalTable")
def _deleted_global_table(name: str, properties: Properties) -> None:
    for replica in properties.get("Replicas", []):
        with _responses.request_scope(_responses.get_account_id(), replica["Region"]):
            _provisioners._ddb_delete(name, {})
            _forget_settings(name)
