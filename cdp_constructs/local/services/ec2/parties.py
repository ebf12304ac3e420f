"""EC2: which task, function or client has an end of a connection, and who a connection to a server is let in from.

Tasks connect from their own address, or are found by the process that has the socket, as functions are. Whatever else
connects is outside of the VPC. `POST /_cdp/databases/open` lets clients outside of it connect to databases and caches,
as `cdp local up --open-databases` asks.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

from cdp_constructs.local.containers import peers, processes
from cdp_constructs.local.kit import arns, ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.services.ec2 import firewall
from cdp_constructs.local.services.ec2.firewall import INSIDE, OUTSIDE, Party
from cdp_constructs.local.services.elbv2 import records

__all__ = ["TASK", "admission", "blocks_of", "of_function", "of_peer", "of_task", "task_at", "through_balancer"]

_alb: Any = ministack.module("services.alb", "_lbs", "_tgs")
_ec2: Any = ministack.module("services.ec2", "_subnets")
_ecs: Any = ministack.module("services.ecs", "_tasks")
_lambda: Any = ministack.module("services.lambda_svc", "_functions")
_lambda_runtime: Any = ministack.module("core.lambda_runtime", "_workers")

TASK = "com.amazonaws.ecs.task-arn"
"""The label that names the task of a container."""
_opened: set[bool] = set()
"""Has an element when clients outside of the VPC may connect to databases and caches."""


def blocks_of(subnets: Iterable[str]) -> tuple[IPv4Network, ...]:
    """Return the address blocks of subnets, as far as they are known."""
    wanted = set(subnets)
    known = [each for each in list(_ec2._subnets.all_values()) if each["SubnetId"] in wanted]
    return tuple(IPv4Network(each["CidrBlock"], strict=False) for each in known)


def task_at(address: str) -> str | None:
    """Return the ARN of the task with an address."""
    found = (each.spec for each in processes.living() if each.spec.address == address)
    return next((spec.labels[TASK] for spec in found if TASK in spec.labels), None)


def of_task(arn: str) -> Party:
    """Return a task as an end of connections."""
    record = _ecs._tasks.get_scoped(*arns.place(arn), arn) or {}
    subnet = record.get("_subnet")
    groups = tuple(record.get("_security_groups") or ())
    return Party(f"task {arn.rpartition('/')[2]}", groups, blocks_of([subnet] if subnet else []))


def of_function(account: str, region: str, name: str) -> Party:
    """Return a function; one outside of a VPC reaches nothing in it."""
    record = _lambda._functions.get_scoped(account, region, name) or {}
    network = (record.get("config") or record).get("VpcConfig") or {}
    groups, subnets = network.get("SecurityGroupIds") or (), network.get("SubnetIds") or ()
    return Party(f"function {name}", tuple(groups), blocks_of(subnets))


def of_peer(address: str, port: int, other: tuple[str, int] | None = None) -> Party:
    """Return who connects from an address, and to which, if that is known."""
    if task := task_at(address):
        return of_task(task)
    process = peers.process_of(address, port, other)
    if process is None:
        return OUTSIDE
    if process == os.getpid():
        return INSIDE
    ancestors = list(peers.lineage(process))
    for container in processes.living():
        if container.process_id in ancestors or container.process_id == peers.group_of(process):
            arn = container.spec.labels.get(TASK)
            return of_task(arn) if arn else INSIDE  # a database server that follows another
    function = next((key for pid, key in _functions() if pid in ancestors), None)
    if function:
        return of_function(*function)
    # A health check of a container is started by the server, with the variables of the task.
    arn = task_at(peers.variable(process, "CDP_TASK_ADDRESS"))
    return of_task(arn) if arn else OUTSIDE


def _functions() -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Yield the process of each worker, with account, Region and name of its function."""
    for key, workers in list(_lambda_runtime._workers.items()):
        account, region, name = key.split(":")[:3]
        for worker in list(workers):
            if worker._proc is not None:
                yield worker._proc.pid, (account, region, name)


def through_balancer(address: str, port: int) -> list[Party]:
    """Return the load balancers that send requests to a target."""
    groups: set[str] = set()
    for group in list(_alb._tgs.all_values()):
        targets = records.targets_of(group["TargetGroupArn"])
        if any(each["Id"] == address and records.port_of(group, each) == port for each in targets):
            groups.update(group.get("LoadBalancerArns") or [])
    return [_balancer(each) for each in list(_alb._lbs.all_values()) if each["LoadBalancerArn"] in groups]


def _balancer(record: Mapping[str, Any]) -> Party:
    name = f"load balancer {record['LoadBalancerName']}"
    return Party(name, tuple(record.get("SecurityGroups") or ()), blocks_of(record.get("Subnets") or []))


def admission(target: Callable[[], Party], port: int) -> Callable[[str, int], bool]:
    """Return what says whether a client, by its address and port, may connect to a database or cache.

    Args:
        target: Returns the server, with the security groups that it has then.
        port: The port of the server.
    """

    def admits(address: str, client_port: int) -> bool:
        party = target()
        if not firewall.has_groups(party):
            return True
        source = of_peer(address, client_port)
        if source is OUTSIDE and _opened:
            return True
        return not firewall.check(source, party, port)

    return admits


@route("POST", "databases/open")
def _open(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    _opened.add(True)
    return {}


@route("POST", "databases/close")
def _close(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    _opened.clear()
    return {}
