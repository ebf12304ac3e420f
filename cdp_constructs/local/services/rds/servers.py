"""RDS: the PostgreSQL servers behind instances and clusters, as MiniStack asks Docker for them."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import addresses, docker, postgres
from cdp_constructs.local.containers.processes import Container, Spec
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.lambda_ import folders, sandboxes
from cdp_constructs.local.services.rds import endpoints

__all__ = ["engine", "runs"]

_rds: Any = ministack.module("services.rds", "_clusters", "_pg_server_material")

_ENGINES = frozenset({"postgres", "aurora-postgresql"})
_STOP_SECONDS = 10
engine = docker.Engine()


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


def _user() -> int | None:
    """Return the user of servers where root runs the cloud: PostgreSQL wants one that the system knows by name."""
    return pwd.getpwnam("nobody").pw_uid if sandboxes.users() else None


def _write(home: Path, user: int | None, **files: str) -> None:
    for name, text in files.items():
        file = home / name.replace("_", ".")
        file.touch(mode=0o600)
        file.write_text(text)
        if user is not None:
            os.chown(file, user, user)


def _give_back(gone: docker.DockerContainer) -> None:
    endpoints.close(gone.container.spec.address)
    addresses.give_back(gone.container.spec.address)


@patch("ministack.services.rds:_run_rds_container")
def _run(
    _original: Any,
    _docker: Any,
    kind: str,
    options: Mapping[str, Any],
    tls_names: Any = (),
    tls_ips: Any = (),
) -> docker.DockerContainer:
    programs = postgres.programs()
    if programs is None or kind not in _ENGINES:
        raise RuntimeError(f"no server of {kind} runs here; {postgres.MISSING}")
    name, given = options["name"], options["environment"]
    user = _user()
    address = addresses.take()
    labels = dict(options["labels"])
    is_reader = "MINISTACK_PG_PRIMARY_HOST" in given
    spec = Spec(
        command=["/bin/sh", "-c", postgres.READER if is_reader else postgres.WRITER],
        folder=Path("/"),
        environment={},
        address=address,
        user=user,
        stop_signal="SIGINT",  # what PostgreSQL calls a fast shutdown
        stop_seconds=_STOP_SECONDS,
        labels=labels,
    )
    container = Container(spec, Path(os.environ["STATE_DIR"]).parent)
    volume = next(iter(options.get("volumes") or ()), None)
    data = docker.volume_folder(volume) if volume else container.home / "data"
    data.parent.mkdir(exist_ok=True)
    data.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(data, user, user)
    variables = postgres.environment(folders.readable(programs), data, container.home, given)
    container.spec = replace(spec, environment={**sandboxes.libraries(), **variables, "CDP_TASK_ADDRESS": address})
    names = [each for each in tls_names if each]
    cluster = labels.get("cluster_id")
    shared = endpoints.addresses_of(_rds._clusters[cluster]["DBClusterArn"]) if cluster else []
    relay = endpoints.relay_to(address, labels)
    certificate, key = _rds._pg_server_material(names, [address, relay.address, *shared, *tls_ips])
    _write(container.home, user, server_crt=certificate, server_key=key, password=given["POSTGRES_PASSWORD"])
    started = engine.add(container, name, _give_back)
    try:
        started.start()
    except BaseException:
        started.remove()
        raise
    return started


@patch("ministack.services.rds:_unsupported_aurora_engine_version_error")
def _any_version(original: Any, kind: str, version: Any, **options: Any) -> Any:
    """Take every version of PostgreSQL: the server here has one, and MiniStack's list is that of a day."""
    return None if kind == "aurora-postgresql" else original(kind, version, **options)
