"""RDS: what the parameters of groups mean to a PostgreSQL server.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Parameters.html
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cdp_constructs.local.containers import postgres
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.lambda_ import sandboxes

__all__ = ["Parameter", "known", "of", "refusal", "settings", "tls_only"]

_rds: Any = ministack.module("services.rds", "_clusters", "_db_cluster_param_groups", "_instances", "_param_groups")

_STATIC = frozenset({"postmaster", "internal"})
_TYPES = {"BOOLEAN": "boolean", "INTEGER": "integer", "REAL": "float"}
_BOOLEANS = frozenset({"0", "1", "on", "off", "true", "false", "yes", "no"})
_OF_RDS = {
    "rds.adaptive_autovacuum": "1",
    "rds.force_admin_logging_level": "disabled",
    "rds.force_autovacuum_logging_level": "warning",
    "rds.force_ssl": "1",
    "rds.log_retention_period": "4320",
    "rds.logical_replication": "0",
    "rds.restrict_password_commands": "0",
}
"""Those of RDS itself, with their defaults."""
_STATIC_OF_RDS = frozenset({"rds.logical_replication", "rds.restrict_password_commands"})
_TLS_BY_DEFAULT = {"postgres": 15, "aurora-postgresql": 17}
"""The first major version of an engine that refuses connections without TLS."""
_FORMULA = re.compile(r"[{(]")
_FIELDS = 9


@dataclass(frozen=True)
class Parameter:
    """A parameter of a group.

    Attributes:
        static: Whether it takes effect when the server starts only.
        data_type: `boolean`, `integer`, `float` or `string`.
        default: Its default value.
        range: The lowest and the highest number; two empty texts when it is none.
        description: What it is for.
    """

    static: bool
    data_type: str
    default: str
    range: tuple[str, str]
    description: str


@cache
def known() -> Mapping[str, Parameter]:
    """Return the parameters that a group may have, by their name in lower case, as the server itself lists them."""
    folder = postgres.programs()
    if folder is None:
        return {}
    listed = subprocess.run(  # noqa: S603  # a program of the wheel
        [folder / "bin" / "postgres", "--describe-config"],
        capture_output=True,
        check=True,
        text=True,
        env=sandboxes.libraries(),
        cwd="/",
    ).stdout
    found = {name: _of_rds(name, default) for name, default in _OF_RDS.items()}
    for line in listed.splitlines():
        name, context, _group, kind, default, low, high, short, _long = line.split("\t")[:_FIELDS]
        found[name.lower()] = Parameter(
            context in _STATIC,
            _TYPES.get(kind, "string"),
            default,
            (low, high) if kind != "BOOLEAN" else ("", ""),
            short,
        )
    return found


def _of_rds(name: str, default: str) -> Parameter:
    return Parameter(name in _STATIC_OF_RDS, "string", default, ("", ""), "A parameter of Amazon RDS.")


def refusal(name: str, value: str, method: str) -> tuple[str, str] | None:
    """Return the code and the message with which RDS refuses a parameter; None when it takes it."""
    parameter = known().get(name.lower())
    if parameter is None:
        return "InvalidParameterValue", f"Could not find parameter with name: {name}"
    if parameter.static and method == "immediate":
        return "InvalidParameterCombination", "cannot use immediate apply method for static parameter"
    if not _fits(parameter, value):
        low, high = parameter.range
        allowed = f"{low}-{high}" if low else "0, 1"
        return "InvalidParameterValue", f"Invalid parameter value: {value} for: {name} allowed values are: {allowed}"
    return None


def _fits(parameter: Parameter, value: str) -> bool:
    if _FORMULA.search(value) or parameter.data_type == "string":
        return True
    if parameter.data_type == "boolean":
        return value.lower() in _BOOLEANS
    try:
        number = float(value)
    except ValueError:
        return False
    low, high = parameter.range
    return not low or float(low) <= number <= float(high)


def _group(groups: Any, labels: Mapping[str, str], name: str | None) -> dict[str, tuple[str, str]]:
    """Return the values and the apply methods of a group."""
    found = groups.get_scoped(labels.get("account_id", ""), labels.get("region", ""), name or "") or {}
    given = found.get("Parameters") or {}
    return {key: (str(each["ParameterValue"]), each["ApplyMethod"]) for key, each in given.items()}


def of(labels: Mapping[str, str], group: str | None = None) -> dict[str, tuple[str, str]]:
    """Return the values and the apply methods that a server has, by the labels of its container.

    Args:
        labels: They name an instance, a cluster or both.
        group: The parameter group of an instance that is not there yet.
    """
    scope = labels.get("account_id", ""), labels.get("region", "")
    cluster = _rds._clusters.get_scoped(*scope, labels.get("cluster_id", "")) or {}
    instance = _rds._instances.get_scoped(*scope, labels.get("db_id", "")) or {}
    cluster = cluster or _rds._clusters.get_scoped(*scope, instance.get("DBClusterIdentifier") or "") or {}
    own = (instance.get("DBParameterGroups") or [{}])[0].get("DBParameterGroupName")
    return {
        **_group(_rds._db_cluster_param_groups, labels, cluster.get("DBClusterParameterGroup")),
        **_group(_rds._param_groups, labels, group or own),
    }


def settings(values: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a server that values stand for; formulas over the memory of a class are left out."""
    found = {
        name: value for name, value in values.items() if not name.startswith("rds.") and not _FORMULA.search(value)
    }
    if values.get("rds.logical_replication") == "1":
        found["wal_level"] = "logical"
    return found


def tls_only(values: Mapping[str, str], engine: str, version: str) -> bool:
    """Whether a server refuses connections without TLS."""
    chosen = values.get("rds.force_ssl")
    if chosen is not None:
        return chosen == "1"
    major = version.partition(".")[0]
    return major.isdigit() and int(major) >= _TLS_BY_DEFAULT.get(engine, 0)
