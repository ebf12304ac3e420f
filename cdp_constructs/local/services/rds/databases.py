"""RDS: the database that credentials are for."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.rds import sql

__all__ = ["note_password", "server_for"]

_rds: Any = ministack.module("services.rds", "_clusters", "_instances")


def _address(record: Mapping[str, Any]) -> str:
    endpoint = record.get("Endpoint")
    return str(endpoint.get("Address") if isinstance(endpoint, dict) else endpoint)


def server_for(credentials: Mapping[str, Any]) -> DockerContainer | None:
    """Return the server that credentials of a secret are for, by its identifier or by its host."""
    record = _rds._clusters.get(credentials.get("dbClusterIdentifier") or "")
    record = record or _rds._instances.get(credentials.get("dbInstanceIdentifier") or "")
    if record is None and credentials.get("host"):
        known = [*_rds._clusters.values(), *_rds._instances.values()]
        record = next((each for each in known if credentials["host"] == _address(each)), None)
    return sql.server_of(record) if record else None


def note_password(server: DockerContainer, user: str, password: str) -> None:
    """Remember the password of the master user, which replicas and snapshots need."""
    for record in (*_rds._clusters.values(), *_rds._instances.values()):
        found = sql.server_of(record)
        if found is not None and found.id == server.id and record["MasterUsername"] == user:
            record["_MasterUserPassword"] = password
