"""RDS: the rotation functions that AWS provides for the secrets of PostgreSQL and Aurora PostgreSQL.

They are there as `HostedRotationLambda`, and as the applications of the Serverless Application Repository by which the
CDK rotates the credentials of databases.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_available-rotation-templates.html
"""

import json
import secrets as random
import string
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.rds import databases, sql
from cdp_constructs.local.services.secretsmanager import rotation

__all__ = ["RESOURCE_TYPES", "create", "finish", "value"]

_engine: Any = ministack.module("services.cloudformation.engine", "_SAM_TRANSFORM", "_without_transform")
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")
_secrets: Any = ministack.module(
    "services.secretsmanager", "_apply_current_promotion", "_find_stage_version", "_resolve"
)

_APPLICATION = "AWS::Serverless::Application"
_KINDS = {"SecretsManagerRDSPostgreSQLRotationSingleUser": False, "SecretsManagerRDSPostgreSQLRotationMultiUser": True}
_TYPES = {"PostgreSQLSingleUser": False, "PostgreSQLMultiUser": True}
_LENGTH = 32
_EXCLUDED = " /@\"'\\"
_OTHER = "_clone"
_LONGEST_NAME = 63
_Secret: TypeAlias = dict[str, Any]
_Credentials: TypeAlias = dict[str, Any]


def value(secret: Mapping[str, Any], stage: str) -> _Credentials | None:
    """Return the credentials of a secret with a staging label; None when none has it."""
    _, version = _secrets._find_stage_version(secret, stage)
    return json.loads(version["SecretString"]) if version and version.get("SecretString") else None


def create(secret: _Secret, version: str, excluded: str = _EXCLUDED, **changes: str) -> None:
    """Give the new version the present credentials with another password."""
    current = value(secret, "AWSCURRENT")
    if current is None:
        raise ValueError("the secret has no value")
    allowed = [each for each in string.ascii_letters + string.digits + string.punctuation if each not in excluded]
    password = "".join(random.choice(allowed) for _ in range(_LENGTH))
    secret["Versions"][version]["SecretString"] = json.dumps({**current, **changes, "password": password})


def finish(secret: _Secret, version: str) -> None:
    """Make the new version the present one."""
    _secrets._apply_current_promotion(secret, version)


def _server(credentials: Mapping[str, Any]) -> DockerContainer:
    server = databases.server_for(credentials)
    if server is None:
        raise ValueError("the secret names no database: attach it to one, which adds engine, host and identifier")
    return server


def _other(user: str) -> str:
    if user.endswith(_OTHER):
        return user.removesuffix(_OTHER)
    if len(user + _OTHER) > _LONGEST_NAME:
        raise ValueError(f"the name of the user is too long to have {_OTHER} appended")
    return user + _OTHER


def _set_password(pending: Mapping[str, Any], secret: _Secret) -> None:
    """Change the password of the user itself, who has to be able to connect."""
    server = _server(pending)
    if sql.may_connect(server, pending["username"], pending["password"]):
        return
    known = [found for stage in ("AWSCURRENT", "AWSPREVIOUS") if (found := value(secret, stage))]
    if not any(sql.may_connect(server, each["username"], each["password"]) for each in known):
        raise ValueError("neither the present nor the previous credentials are taken by the database")
    sql.set_password(server, pending["username"], pending["password"])
    databases.note_password(server, pending["username"], pending["password"])


def _set_other(pending: Mapping[str, Any], secret: _Secret) -> None:
    """Change the password of the other of two users, as the user of the secret that `masterarn` names."""
    server, current = _server(pending), value(secret, "AWSCURRENT") or {}
    _, found = _secrets._resolve(pending.get("masterarn"))
    master = value(found, "AWSCURRENT") if found else None
    if master is None or not sql.may_connect(server, master["username"], master["password"]):
        raise ValueError("the secret that masterarn names has no credentials that the database takes")
    user, password = sql.identifier(pending["username"]), sql.literal(pending["password"])
    if pending["username"] in sql.ask(server, "select rolname from pg_roles"):
        sql.ask(server, f"alter role {user} with login password {password}")
    else:
        present = sql.identifier(current["username"])
        sql.ask(server, f"create role {user} with login password {password}", f"grant {present} to {user}")


def _step(*, alternating: bool, excluded: str) -> rotation.Step:
    def run(secret: _Secret, version: str, step: str) -> None:
        pending = json.loads(secret["Versions"][version].get("SecretString") or "{}")
        if step == "createSecret":
            current = value(secret, "AWSCURRENT") or {}
            create(secret, version, excluded, **({"username": _other(current["username"])} if alternating else {}))
        elif step == "setSecret":
            (_set_other if alternating else _set_password)(pending, secret)
        elif step == "testSecret":
            pending = pending or value(secret, "AWSCURRENT") or {}
            if not sql.may_connect(_server(pending), pending["username"], pending["password"]):
                raise ValueError("the database does not take the new credentials")
        else:
            finish(secret, version)

    return run


def _provide(name: str, *, alternating: bool, excluded: str) -> str:
    arn = f"arn:aws:lambda:{_responses.get_region()}:{_responses.get_account_id()}:function:{name}"
    rotation.hosted[arn] = _step(alternating=alternating, excluded=excluded)
    return arn


def _hosted(asked: Properties) -> str:
    kind = asked["RotationType"]
    if kind not in _TYPES:
        raise ValueError(f"RotationType is {kind}; {' and '.join(_TYPES)} run here")
    name = asked.get("RotationLambdaName") or f"SecretsManager{kind}-{uuid.uuid4().hex[:12]}"
    return _provide(name, alternating=_TYPES[kind], excluded=asked.get("ExcludeCharacters", _EXCLUDED))


rotation.providers["PostgreSQL"] = _hosted


def _create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Attributes]:
    location = properties.get("Location")
    application = str(location.get("ApplicationId", "") if isinstance(location, dict) else location).rpartition("/")[2]
    if application not in _KINDS:
        known = " and ".join(_KINDS)
        raise ValueError(f"{_APPLICATION}: the application {application} is not here; {known} are")
    given = properties.get("Parameters") or {}
    arn = _provide(
        given.get("functionName") or f"{stack}-{logical_id}",
        alternating=_KINDS[application],
        excluded=given.get("excludeCharacters", _EXCLUDED),
    )
    return arn, {"Outputs.RotationLambdaARN": arn}


def _delete(arn: str, _properties: Properties) -> None:
    rotation.hosted.pop(arn, None)


RESOURCE_TYPES = (ResourceType(name=_APPLICATION, create=_create, delete=_delete),)


@patch_each(
    "ministack.services.cloudformation.changesets:_apply_transforms",
    "ministack.services.cloudformation.engine:_apply_transforms",
    "ministack.services.cloudformation.handlers:_apply_transforms",
)
def _without_sam(original: Callable[..., Any], template: dict[str, Any], *given: Any, **options: Any) -> Any:
    """Take a template as it is when applications are all that the transform of AWS SAM is declared for."""
    types = {str(each.get("Type")) for each in (template.get("Resources") or {}).values() if isinstance(each, dict)}
    if {name for name in types if name.startswith("AWS::Serverless::")} == {_APPLICATION}:
        template = _engine._without_transform(template, _engine._SAM_TRANSFORM)
    return original(template, *given, **options)
