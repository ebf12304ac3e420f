"""RDS: an instance has an address of its own, and is looked after, from its creation on."""

import contextlib
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.rds import endpoints, recovery, servers, sql, standbys
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, failed

_rds: Any = ministack.module(
    "services.rds", "_instances", "_p", "_resolve_cluster_in_request_region", "_resolve_instance"
)
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")


@patch("ministack.services.rds:_create_db_instance_impl")
def _create(original: Handler, parameters: Parameters) -> Answer:
    name, cluster_id = _rds._p(parameters, "DBInstanceIdentifier"), _rds._p(parameters, "DBClusterIdentifier")
    cluster = _rds._resolve_cluster_in_request_region(cluster_id) if cluster_id else None
    if not name or not servers.runs((cluster or {}).get("Engine") or _rds._p(parameters, "Engine")):
        return original(parameters)
    recovery.watch()
    standbys.watch()
    labels = {"account_id": _responses.get_account_id(), "region": _responses.get_region()}
    arn = endpoints.instance_arn(labels, name)
    with endpoints.reserved(arn) as address, servers.starting(addresses=(address,)):
        answer = original(parameters)
    instance = _rds._instances.get(name)
    if instance is None:
        endpoints.close_unused()
    elif not instance.get("_docker_container_id"):
        instance["DBInstanceStatus"] = "failed"  # MiniStack says that it is available, at an address of nobody
    return answer


@patch("ministack.services.rds:_reported_endpoint")
def _endpoint(original: Callable[..., tuple[str, int]], host: str, port: int, host_port: int) -> tuple[str, int]:
    """Report the address that an instance keeps, and lead it to the server that has just been started."""
    server = servers.at(host)
    if server is None or not server.labels.get("db_id"):
        return original(host, port, host_port)
    arn = endpoints.instance_arn(server.labels, server.labels["db_id"])
    return endpoints.lead_to(arn, host), endpoints.PORT


@patch("ministack.services.rds:_try_database_connect")
def _is_ready(original: Callable[..., bool], host: str, *options: Any) -> bool:
    """Whether a server takes connections, and has its standby."""
    server = servers.at(host)
    if server is None:
        return original(host, *options)
    with contextlib.suppress(sql.SqlError, OSError):
        if sql.ask(server, "select 1") == ["1"]:
            instance = _rds._instances.get(server.labels.get("db_id", ""))
            if instance and instance.get("_docker_container_id") == server.id:
                standbys.attend(instance)
            return True
    return False


@action("StopDBInstance")
def _stop(original: Handler, parameters: Parameters) -> Answer:
    answer = original(parameters)
    if not failed(answer) and (server := _server(parameters)):
        server.stop()
    return answer


@action("StartDBInstance")
def _start(original: Handler, parameters: Parameters) -> Answer:
    if (server := _server(parameters)) and server.status != "running":
        server.start()
    return original(parameters)


def _server(parameters: Parameters) -> DockerContainer | None:
    instance = _rds._resolve_instance(_rds._p(parameters, "DBInstanceIdentifier"))
    return sql.server_of(instance) if instance else None
