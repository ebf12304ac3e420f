"""RDS: parameter groups act on the servers of their instances and clusters."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.services.rds import parameters as known
from cdp_constructs.local.services.rds import servers, sql, standbys
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, error, failed

_rds: Any = ministack.module(
    "services.rds",
    "_clusters",
    "_db_cluster_param_groups",
    "_default_engine_version",
    "_instances",
    "_p",
    "_param_groups",
    "_parameter_member_prefix",
)
_Record: TypeAlias = dict[str, Any]

_APPLIED = "_parameters"
"""The key of an instance that has the values which its server has now."""


def _is_postgres(groups: Any, name: str) -> bool:
    group = groups.get(name)
    return group is not None and "postgres" in group["DBParameterGroupFamily"] and bool(known.known())


def _changes(parameters: Parameters) -> Iterator[tuple[str, str, str]]:
    prefix, index = _rds._parameter_member_prefix(parameters), 1
    while name := _rds._p(parameters, f"{prefix}.{index}.ParameterName"):
        value = _rds._p(parameters, f"{prefix}.{index}.ParameterValue")
        yield name, value, _rds._p(parameters, f"{prefix}.{index}.ApplyMethod") or "immediate"
        index += 1


def _refusal(parameters: Parameters) -> Answer | None:
    refused = (known.refusal(*change) for change in _changes(parameters))
    return next((error(*each) for each in refused if each), None)


def _refresh(instance: _Record, *, restarting: bool = False) -> None:
    """Let a server have the values of its groups: those that wait for a restart when it does restart."""
    server = sql.server_of(instance)
    if server is None:
        return
    labels = {**server.labels, "db_id": instance["DBInstanceIdentifier"]}
    wanted, before = known.of(labels), dict(instance.get(_APPLIED) or {})
    applied, pending = {}, False
    for name in {*wanted, *before}:
        value, method = wanted.get(name, (None, "immediate"))
        waits = known.known()[name.lower()].static or method != "immediate"
        if waits and not restarting and before.get(name) != value:
            value, pending = before.get(name), True
        if value is not None:
            applied[name] = value
    instance[_APPLIED] = applied
    if groups := instance.get("DBParameterGroups"):
        groups[0]["ParameterApplyStatus"] = "pending-reboot" if pending else "in-sync"
    servers.configure(
        server,
        known.settings(applied),
        tls_only=known.tls_only(applied, instance["Engine"], instance["EngineVersion"]),
    )
    servers.reload(server)


def _users_of(name: str, *, clusters: bool) -> Iterator[_Record]:
    for instance in _rds._instances.values():
        cluster = _rds._clusters.get(instance.get("DBClusterIdentifier") or "") or {}
        own = (instance.get("DBParameterGroups") or [{}])[0].get("DBParameterGroupName")
        if name == (cluster.get("DBClusterParameterGroup") if clusters else own):
            yield instance


def _changed(answer: Answer, name: str, *, clusters: bool) -> Answer:
    if not failed(answer):
        for instance in _users_of(name, clusters=clusters):
            _refresh(instance)
    return answer


@patch_each("ministack.services.rds:_modify_param_group", "ministack.services.rds:_ACTION_MAP[ModifyDBParameterGroup]")
def _modify(original: Handler, parameters: Parameters) -> Answer:
    name = _rds._p(parameters, "DBParameterGroupName")
    if not _is_postgres(_rds._param_groups, name):
        return original(parameters)
    return _refusal(parameters) or _changed(original(parameters), name, clusters=False)


@patch_each("ministack.services.rds:_reset_param_group", "ministack.services.rds:_ACTION_MAP[ResetDBParameterGroup]")
def _reset(original: Handler, parameters: Parameters) -> Answer:
    return _changed(original(parameters), _rds._p(parameters, "DBParameterGroupName"), clusters=False)


@patch_each(
    "ministack.services.rds:_modify_db_cluster_param_group",
    "ministack.services.rds:_ACTION_MAP[ModifyDBClusterParameterGroup]",
)
def _modify_of_cluster(original: Handler, parameters: Parameters) -> Answer:
    name = _rds._p(parameters, "DBClusterParameterGroupName")
    if not _is_postgres(_rds._db_cluster_param_groups, name):
        return original(parameters)
    return _refusal(parameters) or _changed(original(parameters), name, clusters=True)


@patch_each(
    "ministack.services.rds:_reset_db_cluster_param_group",
    "ministack.services.rds:_ACTION_MAP[ResetDBClusterParameterGroup]",
)
def _reset_of_cluster(original: Handler, parameters: Parameters) -> Answer:
    return _changed(original(parameters), _rds._p(parameters, "DBClusterParameterGroupName"), clusters=True)


@patch("ministack.services.rds:_finish_instance_reboot")
def _reboot(original: Callable[..., None], instance: _Record, cluster: Mapping[str, Any] | None) -> None:
    standbys.dismiss(instance)  # it gets the new values with the next one, which is never behind the primary's
    _refresh(instance, restarting=True)
    original(instance, cluster)


@patch("ministack.services.rds:_create_db_instance_impl")
def _create(original: Handler, parameters: Parameters) -> Answer:
    engine = _rds._p(parameters, "Engine") or "postgres"
    version = _rds._p(parameters, "EngineVersion") or _rds._default_engine_version(engine)
    group = _rds._p(parameters, "DBParameterGroupName") or None
    with servers.starting(group=group, engine=(engine, version)):
        answer = original(parameters)
    instance = _rds._instances.get(_rds._p(parameters, "DBInstanceIdentifier"))
    server = sql.server_of(instance) if instance and not failed(answer) else None
    if server is not None:
        labels = {**server.labels, "db_id": instance["DBInstanceIdentifier"]}
        instance[_APPLIED] = {name: value for name, (value, _method) in known.of(labels).items()}
    return answer


@patch("ministack.services.rds:_default_parameters_for_family")
def _defaults(original: Callable[[str], list[_Record]], family: str) -> list[_Record]:
    if "postgres" not in family or not known.known():
        return original(family)
    return [
        {
            "name": name,
            "default": parameter.default,
            "description": parameter.description,
            "apply_type": "static" if parameter.static else "dynamic",
            "data_type": parameter.data_type,
            "modifiable": True,
        }
        for name, parameter in sorted(known.known().items())
    ]
