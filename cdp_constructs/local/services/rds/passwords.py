"""RDS: a changed master password is the one that the server takes."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.rds import sql

__all__ = ["change"]

_logger = logging.getLogger(__name__)


def change(record: Mapping[str, Any], user: str, password: str) -> None:
    """Change the password of a user of an instance or a cluster.

    Raises:
        sql.SqlError: the server does not run, or there is no such user.
    """
    server = sql.server_of(record)
    if server is None:
        raise sql.SqlError("no database server runs")
    sql.set_password(server, user, password)


@patch("ministack.services.rds:_rotate_instance_password")
def _of_instance(original: Callable[..., None], instance: dict[str, Any], old: str, new: str) -> None:
    if sql.server_of(instance) is None:
        original(instance, old, new)
    else:
        _change_master(instance, new)


@patch("ministack.services.rds:_rotate_real_password")
def _of_writer(original: Callable[..., bool], cluster: dict[str, Any], old: str, new: str) -> bool:
    return original(cluster, old, new) if sql.server_of(cluster) is None else _change_master(cluster, new)


def _change_master(record: Mapping[str, Any], new: str) -> bool:
    try:
        change(record, record["MasterUsername"], new)
    except sql.SqlError as error:
        _logger.warning("the master password could not be changed: %s", error)
        return False
    return True
