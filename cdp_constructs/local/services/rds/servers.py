"""RDS: the PostgreSQL servers behind instances and clusters, as MiniStack asks Docker for them."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import addresses as loopback
from cdp_constructs.local.containers import docker, postgres
from cdp_constructs.local.containers.postgres_template import template
from cdp_constructs.local.containers.processes import Container, Spec
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.links import link_file
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.lambda_ import folders, sandboxes
from cdp_constructs.local.services.rds import backups, endpoints, parameters

__all__ = ["Beginning", "begin_archive", "configure", "engine", "reload", "runs", "start", "starting", "user", "write"]

_rds: Any = ministack.module(
    "services.rds", "_PG_REPLICATION_USER", "_clusters", "_pg_server_material", "pg_ca_cert_pem"
)

_ENGINES = frozenset({"postgres", "aurora-postgresql"})
_STOP_SECONDS = 10
engine = docker.Engine()


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a server begins with.

    Attributes:
        backup: Its data.
        addresses: Addresses that its certificate is for, beside its own and those of its endpoints.
        group: The parameter group of its instance, while that is not there yet.
        engine: The engine of its instance and the version that was asked for.
    """

    backup: Path | None = None
    addresses: tuple[str, ...] = ()
    group: str | None = None
    engine: tuple[str, str] = ("", "")


_EMPTY = Beginning()
_beginning: ContextVar[Beginning] = ContextVar("beginning", default=_EMPTY)


def runs(kind: str) -> bool:
    """Whether a server runs behind an engine: PostgreSQL when the extra is installed."""
    return kind in _ENGINES and postgres.programs() is not None


@patch("ministack.services.rds:_get_docker")
def _get_engine(_original: Any) -> Any:
    return engine if postgres.programs() is not None else None


@patch("ministack.services.rds:_get_ministack_network")
def _network(_original: Any, _docker: Any) -> str:
    return docker.NETWORK


@patch("ministack.services.rds:_image_is_local")
def _is_local(_original: Any, _docker: Any, _image: str) -> bool:
    return True


@patch("ministack.services.rds:_pg_cluster_replication_enabled")
def _replicates(_original: Any, cluster: Mapping[str, Any]) -> bool:
    return runs(cluster.get("Engine", ""))


def user() -> int | None:
    """Return the user of servers where root runs the cloud."""
    return sandboxes.named_user()


def write(container: Container, files: Mapping[str, str]) -> None:
    """Write private files into the home of a server."""
    for name, text in files.items():
        file = container.home / name
        file.touch(mode=0o600)
        if container.spec.user is not None:
            os.chown(file, container.spec.user, container.spec.user)
        file.write_text(text)


@contextmanager
def starting(**changes: Any) -> Iterator[None]:
    """Say what the server that is started inside begins with; see `Beginning`."""
    previous = _beginning.set(replace(_beginning.get(), **changes))
    try:
        yield
    finally:
        _beginning.reset(previous)


@patch("ministack.services.rds:_run_rds_container")
def _run(
    _original: Any,
    _docker: Any,
    kind: str,
    options: Mapping[str, Any],
    tls_names: Any = (),
    tls_ips: Any = (),
) -> docker.DockerContainer:
    if kind not in _ENGINES:
        raise RuntimeError(f"no server of {kind} runs here; {postgres.MISSING}")
    volume = next(iter(options.get("volumes") or ()), None)
    given = dict(options["environment"])
    if "MINISTACK_PG_PRIMARY_HOST" in given:
        # A reader follows whoever is the writer, at the address that stays.
        given["MINISTACK_PG_PRIMARY_HOST"] = endpoints.writer_of(options["labels"])
    return start(
        options["name"],
        given,
        options["labels"],
        data=docker.volume_folder(volume) if volume else None,
        names=[each for each in tls_names if each],
        addresses=tls_ips,
    )


def start(
    name: str,
    given: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    data: Path | None = None,
    names: Sequence[str] = (),
    addresses: Sequence[str] = (),
) -> docker.DockerContainer:
    """Start a server.

    Args:
        name: Name of its container.
        given: User, password and database, and the primary that it follows, if it does.
        labels: What the container is labelled with: the instance or the cluster that it serves.
        data: Its data folder; by default one that is removed with it.
        names: Names that its certificate is for.
        addresses: Addresses that its certificate is for, beside its own and those of its endpoints.

    Raises:
        RuntimeError: PostgreSQL is not installed.
    """
    programs = postgres.programs()
    if programs is None:
        raise RuntimeError(postgres.MISSING)
    beginning = _beginning.get()
    address, owner = loopback.take(), user()
    spec = Spec(
        command=["/bin/sh", "-c", postgres.READER if "MINISTACK_PG_PRIMARY_HOST" in given else postgres.WRITER],
        folder=Path("/"),
        environment={},
        address=address,
        user=owner,
        stop_signal="SIGINT",  # what PostgreSQL calls a fast shutdown
        stop_seconds=_STOP_SECONDS,
        labels=dict(labels),
    )
    container = Container(spec, Path(os.environ["STATE_DIR"]).parent)
    data = data or container.home / "data"
    data.parent.mkdir(exist_ok=True)
    data.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(data, owner, owner)
    if beginning.backup is not None:
        backups.unpack(beginning.backup, data, owner)
    programs = folders.readable(programs)
    variables = postgres.environment(programs, data, container.home, given)
    archive = _archive(labels, owner)
    variables["CDP_ARCHIVE"] = str(archive)
    if "MINISTACK_PG_PRIMARY_HOST" not in given:
        made = template(programs, given["POSTGRES_USER"], owner)
        variables["CDP_TEMPLATE"] = str(made)
        if beginning.backup is not None or not (data / "PG_VERSION").exists():
            begin_archive(labels, beginning.backup or made)
    container.spec = replace(spec, environment={**sandboxes.libraries(), **variables, "CDP_TASK_ADDRESS": address})
    started = engine.add(container, name, lambda gone: loopback.give_back(gone.container.spec.address))
    certificate, key = _rds._pg_server_material(
        list(names), [address, *endpoints.addresses_of(labels), *beginning.addresses, *addresses]
    )
    write(container, {"server.crt": certificate, "server.key": key, "ca.crt": _rds.pg_ca_cert_pem()})
    write(container, {"password": given["POSTGRES_PASSWORD"]})
    values = {key: value for key, (value, _method) in parameters.of(labels, beginning.group).items()}
    configure(started, parameters.settings(values), tls_only=_tls_only(labels, values))
    try:
        started.start()
    except BaseException:
        started.remove()
        raise
    return started


def _archive(labels: Mapping[str, str], owner: int | None) -> Path:
    """Return the folder of a server's database, by its labels; readers have that of their cluster.

    Args:
        labels: Labels of the server.
        owner: Whom it belongs to; None for the user of the cloud.
    """
    scope = f"{labels.get('account_id', '')}-{labels.get('region', '')}"
    name = f"cluster-{labels['cluster_id']}" if labels.get("cluster_id") else f"db-{labels.get('db_id', '')}"
    folder = docker.volume_folder(f"archive-{scope}-{name}")
    for each in (folder, folder / "wal"):
        each.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(each, owner, owner)
    return folder


def begin_archive(labels: Mapping[str, str], base: Path) -> None:
    """Keep what a database begins with, and from now on its log, for restores to a time.

    Args:
        labels: Labels of its server.
        base: Archive with its data folder.
    """
    folder = _archive(labels, user())
    for kept in (folder / "base", *(folder / "wal").iterdir()):
        kept.unlink(missing_ok=True)
    link_file(str(base), str(folder / "base"))
    (folder / "since").write_text(str(int(time.time())))


def at(address: str) -> docker.DockerContainer | None:
    """Return the server that listens at an address; None when none does."""
    return next((each for each in engine.all() if each.container.spec.address == address), None)


def _tls_only(labels: Mapping[str, str], values: Mapping[str, str]) -> bool:
    scope = labels.get("account_id", ""), labels.get("region", "")
    record = _rds._clusters.get_scoped(*scope, labels.get("cluster_id", ""))
    engine, version = _beginning.get().engine if record is None else (record["Engine"], record["EngineVersion"])
    return parameters.tls_only(values, engine, version)


def configure(server: docker.DockerContainer, settings: Mapping[str, str], *, tls_only: bool) -> None:
    """Write the configuration of a server, which it reads when it starts or is told to."""
    container = server.container
    data = Path(container.spec.environment["PGDATA"])
    write(
        container,
        {
            "postgresql.conf": postgres.configuration(
                container.home, data, Path(container.spec.environment["CDP_ARCHIVE"]), container.spec.address, settings
            ),
            "pg_hba.conf": postgres.access_rules(container.spec.address, _rds._PG_REPLICATION_USER, tls_only=tls_only),
        },
    )


def reload(server: docker.DockerContainer) -> None:
    """Let a server read its configuration again."""
    if server.status == "running":
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.container.process_id, signal.SIGHUP)


@patch("ministack.services.rds:_unsupported_aurora_engine_version_error")
def _any_version(original: Any, kind: str, version: Any, **current: Any) -> Any:
    """Take every version of PostgreSQL: the server here has one, and MiniStack's list is that of a day."""
    return None if kind == "aurora-postgresql" else original(kind, version, **current)
