"""ElastiCache: replication groups of several node groups are a cluster of Valkey, whose clients follow redirections.

A server tells clients the address of its node group, where TLS is ended, and other servers its own.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from cdp_constructs.local.containers import valkey
from cdp_constructs.local.containers.docker import NETWORK, DockerContainer
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace
from cdp_constructs.local.services.elasticache import recovery
from cdp_constructs.local.services.elasticache.shards import Shard

_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")
_Built: TypeAlias = tuple[list[dict[str, Any]] | None, list[str]]

_SLOTS = 16384
_SECONDS = 20.0
_POLL_SECONDS = 0.05


def _wait(seen: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not seen():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not happen within {_SECONDS:g} s")
        time.sleep(_POLL_SECONDS)


class ClusterShard(Shard):
    """The servers of a node group, which have some of the slots.

    Args:
        name: Its name.
        labels: What ElastiCache notes of its containers.
        transit: Whether clients speak TLS.
        password: What they have to know.
        slots: The first and the last slot.
        peers: All node groups of the cluster, to which it is added.
    """

    def __init__(  # those of a shard, and two
        self,
        name: str,
        labels: Mapping[str, str],
        *,
        transit: bool,
        password: str | None,
        slots: tuple[int, int],
        peers: "list[ClusterShard]",
    ) -> None:
        self._slots, self._peers = slots, peers
        self._ids: dict[str, str] = {}
        super().__init__(name, labels, transit=transit, password=password)
        peers.append(self)

    def _ask(self, address: str, *words: str) -> str:
        return valkey.ask(address, self.password, *words)

    def options(self, address: str, primary: str) -> list[str]:
        """Return the options of a server; it does not take over by itself, since recovery lets it."""
        told = self.reading.address if primary else self.writing.address
        return [
            *valkey.options(address, self.password),
            *("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-replica-no-failover", "yes"),
            *("--cluster-allow-replica-migration", "no", "--cluster-announce-client-ipv4", told),
            *("--cluster-announce-ip", address, "--bind-source-addr", address),  # else others see 127.0.0.1
        ]

    def join(self, member: DockerContainer, primary: str) -> None:
        """Let a server meet the others, and follow the primary or have the slots itself."""
        address = member.container.spec.address
        self._forget_the_dead()
        self._ids[member.id] = valkey.read(address, self.password, "CLUSTER", "MYID")
        if primary:
            self._ask(address, "CLUSTER", "MEET", primary, str(valkey.PORT))
            wanted = valkey.read(primary, self.password, "CLUSTER", "MYID")
            _wait(lambda: wanted in valkey.read(address, self.password, "CLUSTER", "NODES"), "a meeting of servers")
            self._ask(address, "CLUSTER", "REPLICATE", wanted)
            return
        self._ask(address, "CLUSTER", "ADDSLOTSRANGE", *map(str, self._slots))
        for peer in self._peers:
            running = [member for member in peer.members if member.status == "running"]
            if peer is not self and running:
                self._ask(address, "CLUSTER", "MEET", running[0].container.spec.address, str(valkey.PORT))

    def promote(self, member: DockerContainer, others: Sequence[DockerContainer]) -> None:
        """Let a replica take the slots over, and be where clients of the node group write."""
        address = member.container.spec.address
        self._ask(address, "CLUSTER", "FAILOVER", "TAKEOVER")
        self._ask(address, "CONFIG", "SET", "cluster-announce-client-ipv4", self.writing.address)
        for other in others:
            self._ask(other.container.spec.address, "CLUSTER", "REPLICATE", self._ids[member.id])
        self._forget_the_dead()

    def _forget_the_dead(self) -> None:
        """Let the cluster forget the servers of this node group that do not run any more."""
        living = {member.id for member in self.members if member.status == "running"}
        for gone in self._ids.keys() - living:
            name = self._ids.pop(gone)
            for peer in self._peers:
                for member in peer.members:
                    with contextlib.suppress(OSError):  # it has ended, or never knew it
                        self._ask(member.container.spec.address, "CLUSTER", "FORGET", name)


@replace("ministack.services.elasticache:ELASTICACHE_CLUSTER_MODE_REAL")
def _real(_original: bool) -> bool:  # what it replaces
    return True


@replace("ministack.services.elasticache:DOCKER_NETWORK")
def _network(_original: str) -> str:
    """Name the network without which MiniStack makes no cluster."""
    return NETWORK


@patch("ministack.services.elasticache:_build_real_cluster_rg")
def _build(  # as MiniStack calls it
    original: Callable[..., _Built],
    group: str,
    engine: str,
    version: str,
    count: int,
    replicas: int,
    *,
    transit: bool = False,
    auth_token: str | None = None,
) -> _Built:
    if valkey.program() is None:
        return original(group, engine, version, count, replicas, transit=transit, auth_token=auth_token)
    recovery.watch()
    scope = {"account_id": _responses.get_account_id(), "region": _responses.get_region()}
    peers: list[ClusterShard] = []
    for index in range(count):
        ClusterShard(
            f"elasticache-{scope['account_id']}-{scope['region']}-{group}-{index + 1:04d}",
            {**scope, "rg_id": group, "node_group": f"{index + 1:04d}"},
            transit=transit,
            password=auth_token,
            slots=(_SLOTS * index // count, _SLOTS * (index + 1) // count - 1),
            peers=peers,
        )
    for peer in peers:
        address = peer.members[0].container.spec.address
        _wait(lambda: "cluster_state:ok" in valkey.read(address, auth_token, "CLUSTER", "INFO"), "a cluster")  # noqa: B023
    described = [_described(group, index, peer, replicas) for index, peer in enumerate(peers, start=1)]
    return described, [peer.members[0].id for peer in peers]


def _described(group: str, index: int, shard: ClusterShard, replicas: int) -> dict[str, Any]:
    """Return what is said of a node group; the servers of its replicas are started next."""
    writing = {"Address": shard.writing.address, "Port": valkey.PORT}
    names = [f"{group}-{index:04d}-{number + 1:03d}" for number in range(replicas + 1)]
    return {
        "NodeGroupId": f"{index:04d}",
        "Status": "available",
        "PrimaryEndpoint": writing,
        "ReaderEndpoint": {"Address": shard.reading.address, "Port": valkey.PORT},
        "NodeGroupMembers": [
            {
                "CacheClusterId": name,
                "CacheNodeId": "0001",
                "CurrentRole": "replica" if number else "primary",
                "PreferredAvailabilityZone": f"{_responses.get_region()}{'abcdef'[number]}",
                "ReadEndpoint": writing,
            }
            for number, name in enumerate(names)
        ],
    }
