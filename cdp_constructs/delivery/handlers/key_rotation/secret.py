"""The secret: its versions, of which each holds one private key."""

from typing import Any, TypedDict, cast

import boto3
from botocore.exceptions import ClientError
from pydantic_core import from_json, to_json

secrets = boto3.client("secretsmanager")

_TEXTS = ("key_group_id", "key_pair_id", "private_key")


class SigningKey(TypedDict):
    """What one version of the secret holds."""

    key_group_id: str
    key_pair_id: str
    private_key: str
    usable_from: int


def versions(secret_id: str) -> dict[str, list[str]]:
    """Return the labels of each version."""
    return secrets.describe_secret(SecretId=secret_id).get("VersionIdsToStages", {})


def store(secret_id: str, key: SigningKey, *, pending: str = "") -> None:
    """Store a key as the current one, or as the pending one of a rotation."""
    version: Any = {"ClientRequestToken": pending, "VersionStages": ["AWSPENDING"]} if pending else {}
    secrets.put_secret_value(SecretId=secret_id, SecretString=to_json(key).decode(), **version)


def promote(secret_id: str, version: str) -> None:
    """Make a version the current one; the one before keeps the label AWSPREVIOUS."""
    current = next((name for name, labels in versions(secret_id).items() if "AWSCURRENT" in labels), None)
    if current != version:
        # The label may have been removed by hand.
        before: Any = {"RemoveFromVersionId": current} if current else {}
        secrets.update_secret_version_stage(
            SecretId=secret_id, VersionStage="AWSCURRENT", MoveToVersionId=version, **before
        )


def live(secret_id: str) -> list[SigningKey]:
    """Return the current key and the one before it (none before the first rotation)."""
    return [key for stage in ("AWSCURRENT", "AWSPREVIOUS") if (key := read(secret_id, stage))]


def read(secret_id: str, stage: str, version: str | None = None) -> SigningKey | None:
    """Return a version of the secret, or None when it does not exist or holds no key (as right after creation)."""
    try:
        which = {"VersionId": version} if version else {}
        answer = secrets.get_secret_value(SecretId=secret_id, VersionStage=stage, **which)
        # Somebody may have stored bytes, which are no text.
        key: Any = from_json(answer.get("SecretString", ""), allow_inf_nan=False)
    except (TypeError, ValueError, secrets.exceptions.ResourceNotFoundException):
        return None
    except ClientError as error:
        # An empty version, and one without the label, are "invalid requests" rather than missing.
        if error.response["Error"]["Code"] == "InvalidRequestException":
            return None
        raise
    return cast("SigningKey", key) if _is_key(key) else None


def _is_key(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name), str) and value[name] for name in _TEXTS)
        and isinstance(value.get("usable_from"), int | float)
    )


def require(secret_id: str, stage: str, version: str | None = None) -> SigningKey:
    """Return a version of the secret.

    Raises:
        ValueError: when it does not exist or holds no key.
    """
    key = read(secret_id, stage, version)
    if key is None:
        raise ValueError(f"{stage} of {secret_id} holds no signing key; deploy the stack again")
    return key
