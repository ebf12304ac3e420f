"""Tasks, load balancers and their targets."""

from cdp_constructs.local.clients.administration import Administration

__all__ = [
    "balancer_certificate_authority",
    "cache_certificate_authority",
    "check_targets",
    "database_certificate_authority",
    "kill_cache",
    "kill_database",
    "kill_task",
    "listener_url",
]


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
