"""ECS: what the hooks in containers ask: which connections security groups allow, and what names lead to."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.containers import questions
from cdp_constructs.local.services.ec2 import firewall, parties
from cdp_constructs.local.services.ec2.firewall import OUTSIDE, Party
from cdp_constructs.local.services.ecs import discovery

__all__ = ["variables"]

_GUARDED = "CDP_TASK_GUARDED"
"""Set for tasks whose security groups say who may connect."""


def variables(task: str) -> dict[str, str]:
    """Return the variables by which the hooks of a container ask, and whether they do when they accept a connection."""
    questions.answer_with("accept", _accept)
    questions.answer_with("connect", _connect)
    questions.answer_with("resolve", _resolve)
    guarded = {_GUARDED: "1"} if firewall.has_groups(parties.of_task(task)) else {}
    return {questions.PATH_VARIABLE: str(questions.socket_path()), **guarded}


def _verdict(source: Party, target: Party, port: int) -> dict[str, Any]:
    reason = firewall.check(source, target, port)
    return {"refused": reason} if reason else {}


def _accept(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whether a task may accept a connection that was made to it."""
    (address, port), peer = question["at"], question["from"]
    task = parties.task_at(address)
    target = parties.of_task(task) if task else OUTSIDE
    if not firewall.has_groups(target):
        return {}
    source = parties.of_peer(peer[0], peer[1], (address, port))
    if source == target:
        return {}  # within a task no rule counts
    if not source.is_trusted:
        return _verdict(source, target, port)
    # The server itself: a load balancer, if the task is a target of one.
    balancers = parties.through_balancer(address, port)
    if not balancers or any(not firewall.refusal(each, target, port) for each in balancers):
        return {}
    return _verdict(balancers[0], target, port)


def _resolve(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """What addresses a name has for a task."""
    task = parties.task_at(question["from"])
    return {"addresses": discovery.resolve(task, question["name"]) if task else []}


def _connect(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whether a task may connect, and where to; databases and caches decide themselves."""
    task = parties.task_at(question["from"])
    address, port = question["to"]
    if task is None:
        return {}
    try:
        leads_to = discovery.destination(task, address, port)
    except LookupError as error:
        return {"refused": str(error)}
    address, port = leads_to or (address, port)
    other = parties.task_at(address)
    target = parties.of_task(other) if other else OUTSIDE
    is_server = other is None and address.startswith("127.")
    verdict = {} if other == task or is_server else _verdict(parties.of_task(task), target, port)
    return {**verdict, "to": [address, port]}
