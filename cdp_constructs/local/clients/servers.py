"""Tasks, databases, caches, load balancers and their targets, and the zones that they are in."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from cdp_constructs.local.clients.administration import Administration

__all__ = [
    "balancer_certificate_authority",
    "cache_certificate_authority",
    "check_targets",
    "container_engine",
    "database_certificate_authority",
    "fail_over",
    "kill_cache",
    "kill_database",
    "kill_task",
    "listener_url",
    "lose_zone",
    "missing_servers",
    "open_databases",
    "restore_zone",
]


def container_engine(administration: Administration) -> Mapping[str, Any] | None:
    """Return the fields of the container engine that runs tasks; None when their containers are processes.

    Args:
        administration: Administration of the embedded cloud.
    """
    described: Mapping[str, Any] | None = administration.request("GET", "/_cdp/containers").json()["engine"]
    return described


def missing_servers(administration: Administration) -> Mapping[str, str]:
    """Return what to install for servers that do not run, by the service, such as `RDS`, or the image of a container.

    Args:
        administration: Administration of the embedded cloud.
    """
    missing: Mapping[str, str] = administration.request("GET", "/_cdp/containers").json()["missing"]
    return missing


def kill_task(administration: Administration, task: str) -> int:
    """Kill the processes of a task, as a crash does, and return how many containers it had.

    Args:
        administration: Administration of the embedded cloud.
        task: ARN of the task.

    Raises:
        httpx.HTTPStatusError: no container of it runs, or the endpoint is not an embedded cloud of this library.
    """
    return int(administration.request("POST", "/_cdp/tasks/kill", json={"task": task}).json()["killed"])


def cache_certificate_authority(administration: Administration) -> str:
    """Return the certificate of the CA that signed the certificates of caches, as PEM.

    Args:
        administration: Administration of the embedded cloud.
    """
    return administration.request("GET", "/_ministack/elasticache/ca.pem").text


def database_certificate_authority(administration: Administration) -> str:
    """Return the certificate of the CA that signed the certificates of database servers, as PEM.

    Args:
        administration: Administration of the embedded cloud.
    """
    return administration.request("GET", "/_ministack/rds/ca.pem").text


def kill_cache(administration: Administration, address: str) -> None:
    """Kill the server that answers at the primary address of a cache, as a crash does.

    Args:
        administration: Administration of the embedded cloud.
        address: The primary address.

    Raises:
        httpx.HTTPStatusError: no cache has it, or the endpoint is not an embedded cloud of this library.
    """
    administration.request("POST", "/_cdp/caches/kill", json={"address": address})


def kill_database(administration: Administration, instance: str) -> None:
    """Kill the server of a database instance, as a crash does.

    Args:
        administration: Administration of the embedded cloud.
        instance: ARN of the instance.

    Raises:
        httpx.HTTPStatusError: no server runs behind it, or the endpoint is not an embedded cloud of this library.
    """
    administration.request("POST", "/_cdp/databases/kill", json={"instance": instance})


def lose_zone(administration: Administration, zone: str) -> dict[str, int]:
    """Kill what runs in a zone, start nothing there, and return how many `tasks`, `databases` and `cacheNodes` it had.

    Args:
        administration: Administration of the embedded cloud.
        zone: Name of the zone.

    Raises:
        httpx.HTTPStatusError: it is no zone's name, or the endpoint is not an embedded cloud of this library.
    """
    answer = administration.request("POST", "/_cdp/zones/lose", json={"zone": zone}).json()
    return {name: int(answer[name]) for name in ("tasks", "databases", "cacheNodes")}


def restore_zone(administration: Administration, zone: str) -> None:
    """Let things run in a zone again; what waited for it starts.

    Args:
        administration: Administration of the embedded cloud.
        zone: Name of the zone.
    """
    administration.request("POST", "/_cdp/zones/restore", json={"zone": zone})


def open_databases(administration: Administration) -> ExitStack:
    """Let clients outside of VPCs connect to databases and caches, whatever security groups say.

    Args:
        administration: Administration of the embedded cloud.

    Returns:
        What ends it, when it is used in a `with` statement.
    """
    administration.request("POST", "/_cdp/databases/open")
    ending = ExitStack()
    ending.callback(administration.request, "POST", "/_cdp/databases/close")
    return ending


def fail_over(rds: Any, administration: Administration, name: str, region: str) -> None:
    """Give the role of the writer or primary to another server.

    Args:
        rds: Client of RDS in the Region.
        administration: Administration of the embedded cloud.
        name: Identifier of a DB cluster, of a Multi-AZ DB instance, or of a replication group.
        region: Its Region.

    Raises:
        httpx.HTTPStatusError: there is none that can fail over.
    """
    try:
        rds.failover_db_cluster(DBClusterIdentifier=name)
    except rds.exceptions.DBClusterNotFoundFault:
        administration.request("POST", "/_cdp/failovers", json={"name": name, "region": region})


def check_targets(administration: Administration, times: int) -> dict[str, str]:
    """Make the health checks of every target at once, and return how each stands, by address and port.

    Args:
        administration: Administration of the embedded cloud.
        times: How often, one after the other.
    """
    states: dict[str, str] = administration.request("POST", "/_cdp/targets/check", json={"times": times}).json()[
        "targets"
    ]
    return states


def listener_url(administration: Administration, listener: str) -> str:
    """Return where clients reach a listener of a load balancer, for example `http://127.160.12.2:80`.

    Args:
        administration: Administration of the embedded cloud.
        listener: ARN of the listener.

    Raises:
        httpx.HTTPStatusError: no such listener accepts connections.
    """
    answer = administration.request("GET", "/_cdp/balancers/listener", params={"arn": listener})
    return str(answer.json()["url"])


def balancer_certificate_authority(administration: Administration) -> str:
    """Return the certificate of the CA that signed the certificates of load balancers, as PEM.

    Args:
        administration: Administration of the embedded cloud.
    """
    return str(administration.request("GET", "/_cdp/balancers/ca").json()["certificate"])
