"""Secrets Manager: a secret that is attached to a database has what clients need to reach it.

MiniStack attaches to RDS and DocumentDB; Redshift, elastic clusters of DocumentDB, and the identifiers that rotation
functions read, are added here. Of an elastic cluster only a record is kept, so its host is a name that nothing answers.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace
from cdp_constructs.local.services.redshift import clusters, workgroups

_responses: Any = ministack.module("core.responses")

_Connection = Mapping[str, Any]

_IDENTIFIERS = {
    "AWS::DocDB::DBCluster": "dbClusterIdentifier",
    "AWS::DocDB::DBInstance": "dbInstanceIdentifier",
    "AWS::RDS::DBCluster": "dbClusterIdentifier",
    "AWS::RDS::DBInstance": "dbInstanceIdentifier",
    "AWS::Redshift::Cluster": "dbClusterIdentifier",
    "AWS::RedshiftServerless::Namespace": "namespaceName",
}
"""The key of the secret that names the database, by the type of the target."""
_REDSHIFT: Mapping[str, Callable[[str], _Connection | None]] = {
    "AWS::Redshift::Cluster": clusters.connection,
    "AWS::RedshiftServerless::Namespace": workgroups.connection,
}


_ELASTIC = "AWS::DocDBElastic::Cluster"


def _elastic_host(arn: str) -> str:
    name, account = re.split("[:/]", arn)[-1], _responses.get_account_id()
    return f"{name}-{account}.{_responses.get_region()}.docdb-elastic.amazonaws.com"


@patch("ministack.services.cloudformation.provisioners:_sm_target_connection")
def _connection(original: Callable[..., _Connection], target_type: str, target_id: str) -> _Connection:
    if target_type == _ELASTIC:
        # Its `Ref` is an ARN that ends with the cluster's name.
        return {"engine": "mongo", "host": _elastic_host(target_id), "port": 27017}
    if find := _REDSHIFT.get(target_type):
        found = find(target_id)
        if found is None:
            raise ValueError(f"AWS::SecretsManager::SecretTargetAttachment: {target_type} {target_id} not found")
        found = {"engine": "redshift", **found}
    else:
        found = original(target_type, target_id)
    return {**found, _IDENTIFIERS[target_type]: target_id}


@replace("ministack.services.cloudformation.provisioners:_SM_TARGET_KEYS")
def _keys(original: tuple[str, ...]) -> tuple[str, ...]:
    """What is removed from the secret again, when the attachment is."""
    return (*original, *dict.fromkeys(_IDENTIFIERS.values()))
