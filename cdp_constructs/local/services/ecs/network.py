"""ECS: which connections of tasks their security groups allow, as the hooks in their containers ask."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.containers import questions
from cdp_constructs.local.services.ec2 import firewall, parties
from cdp_constructs.local.services.ec2.firewall import OUTSIDE, Party

__all__ = ["variables"]


def variables() -> dict[str, str]:
    """Return the variables by which the hooks of a container ask."""
    questions.answer_with("accept", _accept)
    questions.answer_with("connect", _connect)
    return {questions.PATH_VARIABLE: str(questions.socket_path())}


def _verdict(source: Party, target: Party, port: int) -> dict[str, Any]:
    reason = firewall.refusal(source, target, port)
    if reason:
        firewall.refuse(source, target, port, reason)
    return {"refused": reason} if reason else {}


def _accept(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whether a task may accept a connection that was made to it."""
    (address, port), peer = question["at"], question["from"]
    task = parties.task_at(address)
    target = parties.of_task(task) if task else OUTSIDE
    if not firewall.has_groups(target):
        return {}
    source = parties.of_peer(*peer)
    if not source.is_trusted:
        return _verdict(source, target, port)
    # The server itself: a load balancer, if the task is a target of one.
    balancers = parties.through_balancer(address, port)
    if not balancers or any(not firewall.refusal(each, target, port) for each in balancers):
        return {}
    return _verdict(balancers[0], target, port)


def _connect(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whether a task may connect to another one; databases and caches decide themselves."""
    task = parties.task_at(question["from"])
    address, port = question["to"]
    other = parties.task_at(address)
    if task is None or other == task:
        return {}
    if other is None and address.startswith("127."):
        return {}
    return _verdict(parties.of_task(task), parties.of_task(other) if other else OUTSIDE, port)
