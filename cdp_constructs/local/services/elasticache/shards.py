"""ElastiCache: a primary and its replicas, the addresses at which clients find them, and what happens when one dies."""

import secrets
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from cdp_constructs.local.containers import docker, valkey
from cdp_constructs.local.containers.relay import Relay
from cdp_constructs.local.kit import lost_zones
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.elasticache import access, nodes

__all__ = ["Shard", "shards"]

_OWN_USER = "embedded-cloud"
shards: dict[str, "Shard"] = {}
"""By the id of the container that was its first primary, which MiniStack keeps."""


def _places(members: Sequence[docker.DockerContainer]) -> list[tuple[str, int]]:
    """Return where the members that run are reached."""
    return [(member.container.spec.address, valkey.PORT) for member in members if member.status == "running"]


class Shard:
    """Servers that hold the same data.

    Args:
        name: Its name, which containers begin with.
        labels: What ElastiCache notes of its containers.
        transit: Whether clients speak TLS.
        password: What they have to know.
        cluster: Whether it is a whole cluster by itself, as a serverless cache is.
    """

    def __init__(
        self,
        name: str,
        labels: Mapping[str, str],
        *,
        transit: bool,
        password: str | None,
        cluster: bool = False,
    ) -> None:
        self._name, self._labels = name, labels
        self.password: valkey.Credentials = password
        self._users: dict[str, list[str]] = {}
        self._own = _OWN_USER, secrets.token_urlsafe(32)
        tls = access.tls if transit else None
        admits = parties.admission(partial(access.party, labels), valkey.PORT)
        self.writing, self.reading = Relay(valkey.PORT, tls, admits), Relay(valkey.PORT, tls, admits)
        self._changing = threading.RLock()
        self._announced = self.writing.address if cluster else ""
        self._fails_over: Callable[[], bool] = lambda: True
        self._nodes: dict[str, dict[str, Any]] = {}
        self.members: list[docker.DockerContainer] = []
        self.members.append(self._start(""))
        if cluster:
            valkey.ask(self.members[0].container.spec.address, password, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        self._lead()
        shards[self.members[0].id] = self

    def options(self, address: str, primary: str) -> list[str]:
        """Return the options of a server that listens at an address and follows a primary, if there is one."""
        return valkey.options(address, self.password, primary=primary, announced=self._announced)

    def join(self, member: docker.DockerContainer, primary: str) -> None:
        """Let a server that has been started follow the primary; here it has been told to when it was started."""

    def promote(self, member: docker.DockerContainer, others: Sequence[docker.DockerContainer]) -> None:
        """Let a replica be the primary, which the others follow."""
        address = member.container.spec.address
        valkey.ask(address, self.password, "REPLICAOF", "NO", "ONE")
        for other in others:
            valkey.ask(other.container.spec.address, self.password, "REPLICAOF", address, str(valkey.PORT))

    def _start(self, primary: str) -> docker.DockerContainer:
        """Start a server, as a replica if there is a primary, and wait until it answers."""
        # A server that has been started lets everybody in, where users have access rules, until it gets these.
        known = None if self._users else self.password
        started = nodes.start(self._name, self._labels, lambda address: self.options(address, primary), known)
        if self._users:
            self._set_users(started.container.spec.address, known)
        self.join(started, primary)
        return started

    def add_replicas(self, count: int) -> None:
        """Start replicas of the primary."""
        with self._changing:
            primary = self.members[0].container.spec.address
            self.members += [self._start(primary) for _ in range(count)]
            self._lead()

    def describe(self, nodes: list[dict[str, Any]], fails_over: Callable[[], bool]) -> None:
        """Keep the records of the members up to date; one keeps its record, and those of nobody are removed.

        Args:
            nodes: As ElastiCache describes them.
            fails_over: Whether a replica becomes the primary when that has died.
        """
        with self._changing:
            known = [self._nodes[member.id] for member in self.members if member.id in self._nodes]
            free = iter([node for node in nodes if not any(node is each for each in known)])
            found = {member.id: self._nodes.get(member.id) or next(free, None) for member in self.members}
            self._nodes = {member: node for member, node in found.items() if node is not None}
            nodes[:] = sorted(self._nodes.values(), key=lambda node: str(node["CacheClusterId"]))
            self._fails_over = fails_over
            self._lead()

    def node(self, member: docker.DockerContainer) -> Mapping[str, Any]:
        """Return the record of a member; an empty one when ElastiCache describes none."""
        return self._nodes.get(member.id, {})

    def _zone(self, member: docker.DockerContainer) -> str | None:
        return self.node(member).get("PreferredAvailabilityZone")

    def lose(self, zone: str) -> int:
        """Kill the members in a zone, and return how many those are."""
        lost = [each for each in self.members if self._zone(each) == zone and each.status == "running"]
        for member in lost:
            member.container.send_signal(signal.SIGKILL)
        return len(lost)

    def admit(self, users: Mapping[str, list[str]]) -> None:
        """Let these users in and nobody else, each by its rules, and the cloud itself by a user of its own."""
        with self._changing:
            before = self.password
            if not self._users:
                self.password = self._own
            gone = {name: ["reset"] for name in self._users.keys() - users.keys()}
            self._users = {"default": ["reset", "off"], **gone, **users}
            for member in self.members:
                self._set_users(member.container.spec.address, before)

    def _set_users(self, address: str, known: valkey.Credentials) -> None:
        """Set the rules of all users of a server, which lets the cloud in as before."""
        own, password = self._own
        valkey.ask(address, known, "ACL", "SETUSER", own, "on", f">{password}", "~*", "&*", "+@all")
        valkey.ask(address, self.password, "CONFIG", "SET", "masteruser", own, "masterauth", password)
        for name, rules in self._users.items():
            valkey.ask(address, self.password, "ACL", "SETUSER", name, *rules)

    def set_replicas(self, count: int) -> None:
        """Start replicas, or remove the last ones, so that there are this many."""
        with self._changing:
            self.add_replicas(max(0, count + 1 - len(self.members)))
            gone, self.members = self.members[count + 1 :], self.members[: count + 1]
            self._lead()
            for member in gone:
                member.remove()

    def kill(self) -> None:
        """Kill the primary, as a crash does."""
        self.members[0].container.send_signal(signal.SIGKILL)

    def has_replica(self) -> bool:
        """Whether a replica runs that could take the place of the primary."""
        return any(member.status == "running" for member in self.members[1:])

    def fail_over(self) -> None:
        """Let a replica take the place of the primary, which comes back as a replica; without one, nothing happens."""
        with self._changing:
            if self.has_replica():
                self.members[0].stop()
                self.recover()

    def _lead(self) -> None:
        first, replicas = _places(self.members[:1]), _places(self.members[1:])
        self.writing.lead_to(first)
        self.reading.lead_to(replicas or first)
        for index, member in enumerate(self.members):
            if node := self._nodes.get(member.id):
                node["CurrentRole"] = "replica" if index else "primary"
                node["ReadEndpoint"] = {"Address": member.container.spec.address, "Port": valkey.PORT}

    def recover(self) -> None:
        """Put a replica in the place of a primary that has died, and start what has died as a replica, without data.

        What was in a zone that is lost starts when the zone is back.
        """
        with self._changing:
            dead = [member for member in self.members if member.status == "exited"]
            starting = [member for member in dead if not lost_zones.is_lost(self._zone(member))]
            living = [member for member in self.members if member not in dead]
            primary_died = bool(dead) and self.members[0] in dead
            promoting = primary_died and bool(living) and (self._fails_over() or self.members[0] in starting)
            if not starting and not promoting:
                if dead:
                    self._lead()
                return
            if promoting:
                self.promote(living[0], living[1:])
            waiting = [member for member in dead if member not in starting]
            # A primary that nobody replaces keeps its place.
            self.members = [*living, *waiting] if promoting or not primary_died else [*waiting, *living]
            self._lead()
            for member in starting:
                self._start_in_place_of(member)
            self._lead()

    def _start_in_place_of(self, dead: docker.DockerContainer) -> None:
        primary = next((each.container.spec.address for each in self.members if each.status == "running"), "")
        dead.remove()
        started = self._start(primary)
        if node := self._nodes.pop(dead.id, None):
            self._nodes[started.id] = node
        if primary:
            self.members.append(started)
        else:
            self.members.insert(0, started)

    def end(self) -> None:
        """Remove the servers and the addresses."""
        with self._changing:
            for member in self.members:
                member.remove()
            self.members = []
            for relay in (self.writing, self.reading):
                relay.close()
