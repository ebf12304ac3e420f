"""ElastiCache: a primary and its replicas, the addresses at which clients find them, and what happens when one dies."""

import logging
import os
import secrets
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import addresses, docker, valkey
from cdp_constructs.local.containers.processes import Container, Spec
from cdp_constructs.local.containers.relay import Relay
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.lambda_ import folders, sandboxes

__all__ = ["Shard", "engine", "shards"]

_elasticache: Any = ministack.module("services.elasticache", "_ensure_serverless_ca")
_x509: Any = ministack.module("core.x509_utils", "sign_leaf_certificate")

_STOP_SECONDS = 2
_READY_SECONDS = 15
_POLL_SECONDS = 0.1
_OWN_USER = "embedded-cloud"
_logger = logging.getLogger(__name__)
engine = docker.Engine()
shards: dict[str, "Shard"] = {}
"""By the id of the container that was its first primary, which MiniStack keeps."""


def _tls(address: str) -> ssl.SSLContext:
    authority, key = _elasticache._ensure_serverless_ca()
    certificate, own_key, _public = _x509.sign_leaf_certificate(
        authority, key, common_name=address, san_dns=["localhost"], san_ips=[address]
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # private to the server's user
        file.write(certificate + own_key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


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
        tls = _tls if transit else None
        self.writing, self.reading = Relay(valkey.PORT, tls), Relay(valkey.PORT, tls)
        self._changing = threading.RLock()
        self._announced = self.writing.address if cluster else ""
        self.members: list[docker.DockerContainer] = []
        self.members.append(self._start(""))
        if cluster:
            valkey.ask(self.members[0].container.spec.address, password, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        self._lead()
        shards[self.members[0].id] = self
        _watch()

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
        program = valkey.program()
        if program is None:
            raise RuntimeError(valkey.MISSING)
        address = addresses.take()
        user = sandboxes.sandbox(f"elasticache:{self._name}").user
        options = self.options(address, primary)
        spec = Spec(
            command=[str(folders.readable(program)), *options],
            folder=Path("/"),
            environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            address=address,
            user=user,
            stop_seconds=_STOP_SECONDS,
            labels=self._labels,
        )
        container = Container(spec, Path(os.environ["STATE_DIR"]).parent, in_home=True)
        started = engine.add(container, self._name, lambda gone: addresses.give_back(gone.container.spec.address))
        started.start()
        deadline = time.monotonic() + _READY_SECONDS
        # A server that has been started lets everybody in, where users have access rules, until it gets these.
        first = None if self._users else self.password
        while not valkey.is_ready(address, first):
            if started.status != "running" or time.monotonic() > deadline:
                log = container.log.read_text(errors="replace")[-500:]
                started.remove()
                raise RuntimeError(f"Valkey did not start: {log}")
            time.sleep(_POLL_SECONDS)
        if self._users:
            self._set_users(address, first)
        self.join(started, primary)
        return started

    def add_replicas(self, count: int) -> None:
        """Start replicas of the primary."""
        with self._changing:
            primary = self.members[0].container.spec.address
            self.members += [self._start(primary) for _ in range(count)]
            self._lead()

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

    def fail_over(self) -> None:
        """Let a replica take the place of the primary, which comes back as a replica."""
        with self._changing:
            self.members[0].stop()
            self.recover()

    def _lead(self) -> None:
        places = [(member.container.spec.address, valkey.PORT) for member in self.members]
        self.writing.lead_to(places[:1])
        self.reading.lead_to(places[1:] or places)

    def recover(self) -> None:
        """Put a replica in the place of a primary that has died, and start what has died as a replica, without data."""
        with self._changing:
            dead = [member for member in self.members if member.status == "exited"]
            if not dead:
                return
            living = [member for member in self.members if member not in dead]
            if living and self.members[0] in dead:
                self.promote(living[0], living[1:])
            self.members = living
            if living:
                self._lead()
            for member in dead:
                member.remove()
                self.members.append(self._start(living[0].container.spec.address if living else ""))
            self._lead()

    def end(self) -> None:
        """Remove the servers and the addresses."""
        with self._changing:
            for member in self.members:
                member.remove()
            self.members = []
            for relay in (self.writing, self.reading):
                relay.close()


@once
def _watch() -> None:
    threading.Thread(target=_recover_always, name="elasticache-recovery", daemon=True).start()


def _recover_always() -> None:
    while True:
        for shard in list(shards.values()):
            try:
                shard.recover()
            except Exception:
                _logger.exception("a cache could not be recovered")
        time.sleep(_POLL_SECONDS)
