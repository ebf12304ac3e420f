"""Fails databases and caches over that the API of RDS has no call for, as an operator does who tests it.

`POST /_cdp/failovers` with `region` and `name`, that of a Multi-AZ DB instance or of a replication group: another
server has the role of the one that answers now, a moment later.
"""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.services.elasticache.shards import shards
from cdp_constructs.local.services.rds import recovery

_elasticache: Any = ministack.module("services.elasticache", "_replication_groups")
_rds: Any = ministack.module("services.rds", "_instances")
_responses: Any = ministack.module("core.responses", "get_account_id", "request_scope")


@route("POST", "failovers")
def _fail_over(request: Mapping[str, Any]) -> Mapping[str, Any]:
    name, region = str(request["name"]), str(request["region"])
    with _responses.request_scope(request.get("account") or _responses.get_account_id(), region):
        group, instance = _elasticache._replication_groups.get(name), _rds._instances.get(name)
    if instance is not None and instance.get("MultiAZ"):
        if not recovery.fail_over(instance):
            raise AdminError(f"{name} has no standby that runs; a new one takes a moment")
    elif group is not None and group["AutomaticFailover"] == "enabled":
        of_group = [shards[container] for container in group["_docker_container_ids"] if container in shards]
        if not all(shard.has_replica() for shard in of_group):
            raise AdminError(f"{name} has no replica that runs in each of its node groups")
        for shard in of_group:
            shard.kill()
    else:
        raise AdminError(
            f"{name} is neither a DB cluster, nor a Multi-AZ DB instance, nor a replication group with automatic "
            f"failover in {region}"
        )
    return {"name": name}
