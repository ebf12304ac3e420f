"""RDS: master passwords that RDS manages in Secrets Manager, and rotates.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
"""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.rds import passwords, rotations, sql
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, error, failed
from cdp_constructs.local.services.secretsmanager import rotation

_rds: Any = ministack.module(
    "services.rds", "_clusters", "_generate_master_user_password", "_instances", "_p", "_resolve_instance"
)
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")
_secrets: Any = ministack.module(
    "services.secretsmanager",
    "create_secret_in_process",
    "delete_secret_in_process",
    "put_secret_value_in_process",
)
_Record: TypeAlias = dict[str, Any]
_KEY = "MasterUserSecret"


def _value(user: str, password: str) -> str:
    return json.dumps({"username": user, "password": password})


def _make(parameters: Parameters, user: str, password: str) -> _Record:
    """Create the secret of an instance, and return what RDS says of it."""
    name = _rds._p(parameters, "DBInstanceIdentifier")
    description = f"The secret associated with the primary RDS DB instance: {name}"
    arn = _secrets.create_secret_in_process(f"rds!db-{uuid.uuid4()}", _value(user, password), description=description)
    key = f"arn:aws:kms:{_responses.get_region()}:{_responses.get_account_id()}:alias/aws/secretsmanager"
    return {
        "SecretArn": arn,
        "SecretStatus": "active",
        "KmsKeyId": _rds._p(parameters, "MasterUserSecretKmsKeyId") or key,
    }


@patch("ministack.services.rds:_create_db_instance_impl")
def _create(original: Handler, parameters: Parameters) -> Answer:
    if _rds._p(parameters, "ManageMasterUserPassword") != "true" or _rds._p(parameters, "DBClusterIdentifier"):
        return original(parameters)
    if _rds._p(parameters, "MasterUserPassword"):
        return error(
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword when ManageMasterUserPassword is enabled.",
        )
    password = _rds._generate_master_user_password()
    answer = original({**parameters, "MasterUserPassword": password})
    instance = _rds._instances.get(_rds._p(parameters, "DBInstanceIdentifier"))
    if not failed(answer) and instance:
        instance[_KEY] = _make(parameters, instance["MasterUsername"], password)
    return answer


@patch("ministack.services.rds:_delete_db_instance_impl")
def _delete(original: Handler, parameters: Parameters) -> Answer:
    instance = _rds._resolve_instance(_rds._p(parameters, "DBInstanceIdentifier"))
    answer = original(parameters)
    if not failed(answer) and instance and instance.get(_KEY):
        _secrets.delete_secret_in_process(instance[_KEY]["SecretArn"])
    return answer


@action("ModifyDBInstance")
def _modify(original: Handler, parameters: Parameters) -> Answer:
    instance = _rds._resolve_instance(_rds._p(parameters, "DBInstanceIdentifier"))
    if instance is None or instance.get("DBClusterIdentifier"):
        return original(parameters)
    secret = instance.get(_KEY)
    if secret and _rds._p(parameters, "MasterUserPassword"):
        return error(
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
        )
    rotated = _rds._p(parameters, "RotateMasterUserPassword") == "true"
    if rotated and not secret:
        return error(
            "InvalidParameterCombination",
            "You can only rotate the master user password when it's managed by RDS in AWS Secrets Manager.",
        )
    managed = _rds._p(parameters, "ManageMasterUserPassword") == "true"
    if rotated or (managed and not secret):
        password = _rds._generate_master_user_password()
        try:
            passwords.change(instance, instance["MasterUsername"], password)
        except sql.SqlError as refused:
            return error("InvalidDBInstanceState", str(refused))
        instance["_MasterUserPassword"] = password
        if secret:
            _secrets.put_secret_value_in_process(secret["SecretArn"], _value(instance["MasterUsername"], password))
        else:
            instance[_KEY] = _make(parameters, instance["MasterUsername"], password)
    return original(parameters)


@patch("ministack.services.rds:_instance_xml")
def _xml(original: Callable[[_Record], str], instance: _Record) -> str:
    secret = instance.get(_KEY) or {}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in secret.items())
    return original(instance) + (f"<{_KEY}>{inner}</{_KEY}>" if inner else "")


@patch("ministack.services.cloudformation.provisioners:_rds_db_instance_attrs")
def _attributes(original: Callable[[_Record], _Record], instance: _Record) -> _Record:
    secret = instance.get(_KEY)
    return {**original(instance), **({f"{_KEY}.SecretArn": secret["SecretArn"]} if secret else {})}


def _owner(secret: Mapping[str, Any]) -> _Record | None:
    known = (*_rds._clusters.values(), *_rds._instances.values())
    return next((each for each in known if (each.get(_KEY) or {}).get("SecretArn") == secret["ARN"]), None)


def _manager(secret: Mapping[str, Any]) -> rotation.Step | None:
    """Return what rotates a secret that belongs to RDS."""
    owner = _owner(secret) if secret["Name"].startswith("rds!") else None
    if owner is None:
        return None
    found = owner

    def run(rotated: _Record, version: str, step: str) -> None:
        pending = json.loads(rotated["Versions"][version].get("SecretString") or "{}")
        if step == "createSecret":
            rotations.create(rotated, version)
        elif step == "setSecret":
            passwords.change(found, pending["username"], pending["password"])
            found["_MasterUserPassword"] = pending["password"]
        elif step == "finishSecret":
            rotations.finish(rotated, version)

    return run


rotation.managers.append(_manager)
