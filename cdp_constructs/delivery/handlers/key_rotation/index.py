"""Makes, rotates and deletes the key pairs with which CloudFront URLs and cookies are signed.

CloudFormation calls it as a custom resource, for the first key pair with its key group and for their deletion; Secrets
Manager calls it with the four steps of a rotation. The private key exists in the secret only::

    {"key_group_id": "…", "key_pair_id": "K…", "private_key": "-----BEGIN PRIVATE KEY-----…", "usable_from": 1790000000}

``usable_from`` (epoch seconds) is when every edge location knows the public key; until then sign with the version that
is labelled AWSPREVIOUS, whose public key stays in the key group until the next rotation.
"""

import json
import time
import uuid
from typing import Any, TypedDict, cast

import boto3
import urllib3
from aws_lambda_powertools import Logger, Tracer
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

logger = Logger()
tracer = Tracer()
cloudfront = boto3.client("cloudfront")
secrets = boto3.client("secretsmanager")

KEY_BITS = 2048  # the only RSA size that CloudFront takes
PROPAGATION_SECONDS = 600  # CloudFront gives no event for it; its documentation speaks of a few minutes


class SigningKey(TypedDict):
    """What one version of the secret holds."""

    key_group_id: str
    key_pair_id: str
    private_key: str
    usable_from: int


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], _context: object) -> None:
    """Answer CloudFormation or carry out one step of a rotation."""
    if "RequestType" in event:
        _answer_cloudformation(event)
    else:
        _rotate(event["Step"], event["SecretId"], event["ClientRequestToken"])


# --- CloudFormation: the first key pair and the end of all of them ---------------------------------------------------


def _answer_cloudformation(event: dict[str, Any]) -> None:
    # Public keys and key groups share one namespace per account; the stack's own id keeps stacks and Regions apart.
    name = f"{event['LogicalResourceId'][-40:]}-{event['StackId'].rpartition('/')[2]}"
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    try:
        if event["RequestType"] == "Delete":
            _delete(name)
            physical_id = event["PhysicalResourceId"]
        else:
            physical_id = _create(name, event["ResourceProperties"]["SecretId"])
        answer |= {"Status": "SUCCESS", "PhysicalResourceId": physical_id}
    except Exception as error:  # whatever it is, CloudFormation must hear of it or it waits until its timeout
        logger.exception("The signing keys could not be changed")
        answer |= {"Status": "FAILED", "PhysicalResourceId": event.get("PhysicalResourceId", name)}
        answer["Reason"] = f"{type(error).__name__}: {error}"
    urllib3.PoolManager().request(
        "PUT",
        event["ResponseURL"],
        body=json.dumps(answer).encode(),
        headers={"Content-Type": ""},
        timeout=10,
        retries=3,
    )


def _create(name: str, secret_id: str) -> str:
    """Return the id of the stack's key group, made now unless an earlier delivery of the event made it."""
    group_id = _find_group(name)
    current = _read(secret_id, "AWSCURRENT")
    if group_id and current and current["key_group_id"] == group_id:
        return group_id
    _delete(name)
    key = _make_key(name)
    group = cloudfront.create_key_group(KeyGroupConfig={"Name": name, "Items": [key["key_pair_id"]]})
    # No edge location serves the distribution yet, so nobody can be refused for a key that is too new.
    key |= {"key_group_id": group["KeyGroup"]["Id"], "usable_from": 0}
    secrets.put_secret_value(SecretId=secret_id, SecretString=json.dumps(key))
    return key["key_group_id"]


def _delete(name: str) -> None:
    group_id = _find_group(name)
    if group_id:
        cloudfront.delete_key_group(Id=group_id, IfMatch=cloudfront.get_key_group(Id=group_id)["ETag"])
    _delete_keys(name, except_for=set())


# --- Secrets Manager: a rotation -------------------------------------------------------------------------------------


def _rotate(step: str, secret_id: str, token: str) -> None:
    if token not in secrets.describe_secret(SecretId=secret_id)["VersionIdsToStages"]:
        raise ValueError(f"version {token} is not a version of {secret_id}")
    steps = {"createSecret": _make, "setSecret": _publish, "testSecret": _test, "finishSecret": _promote}
    steps[step](secret_id, token)
    logger.info("Rotation step done", step=step, version=token)


def _make(secret_id: str, token: str) -> None:
    """Put a new key pair into the pending version, once."""
    if _read(secret_id, "AWSPENDING", token):
        return
    group_id = _require(secret_id, "AWSCURRENT")["key_group_id"]
    key = _make_key(cloudfront.get_key_group(Id=group_id)["KeyGroup"]["KeyGroupConfig"]["Name"])
    key["key_group_id"] = group_id
    secrets.put_secret_value(
        SecretId=secret_id, ClientRequestToken=token, SecretString=json.dumps(key), VersionStages=["AWSPENDING"]
    )


def _publish(secret_id: str, token: str) -> None:
    """Trust the pending key beside those that may have signed URLs which are still valid."""
    _trust([_require(secret_id, "AWSPENDING", token), *_live(secret_id)])


def _test(secret_id: str, token: str) -> None:
    """Sign with the private key and verify with the public key that CloudFront holds."""
    # When a schedule is set, Secrets Manager runs this step alone, with a pending version that may be empty.
    key = _read(secret_id, "AWSPENDING", token) or _require(secret_id, "AWSCURRENT")
    group = cloudfront.get_key_group(Id=key["key_group_id"])["KeyGroup"]["KeyGroupConfig"]
    if key["key_pair_id"] not in group["Items"]:
        raise ValueError(f"public key {key['key_pair_id']} is not in key group {key['key_group_id']}")
    encoded = cloudfront.get_public_key(Id=key["key_pair_id"])["PublicKey"]["PublicKeyConfig"]["EncodedKey"]
    public_key = serialization.load_pem_public_key(encoded.encode())
    private_key = serialization.load_pem_private_key(key["private_key"].encode(), password=None)
    if not isinstance(public_key, rsa.RSAPublicKey) or not isinstance(private_key, rsa.RSAPrivateKey):
        raise TypeError(f"key {key['key_pair_id']} is not an RSA key")
    signature = private_key.sign(b"test", padding.PKCS1v15(), hashes.SHA256())
    public_key.verify(signature, b"test", padding.PKCS1v15(), hashes.SHA256())


def _promote(secret_id: str, token: str) -> None:
    """Sign with the new key from now on, keep the one before it, and delete all older ones."""
    stages = secrets.describe_secret(SecretId=secret_id)["VersionIdsToStages"]
    current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
    if current != token:
        secrets.update_secret_version_stage(
            SecretId=secret_id, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
    live = _live(secret_id)
    name = _trust(live)
    # By name, so that keys which a broken-off rotation left behind go as well.
    _delete_keys(name, except_for={key["key_pair_id"] for key in live})


def _live(secret_id: str) -> list[SigningKey]:
    """Return the current key and the one before it (none before the first rotation)."""
    return [key for stage in ("AWSCURRENT", "AWSPREVIOUS") if (key := _read(secret_id, stage))]


def _trust(keys: list[SigningKey]) -> str:
    """Let the key group hold exactly these keys, and return its name."""
    group_id = keys[0]["key_group_id"]
    answer = cloudfront.get_key_group(Id=group_id)
    config = answer["KeyGroup"]["KeyGroupConfig"]
    items = [key["key_pair_id"] for key in keys]
    if items != config["Items"]:
        cloudfront.update_key_group(Id=group_id, IfMatch=answer["ETag"], KeyGroupConfig={**config, "Items": items})
    return config["Name"]


# --- Keys and the secret ---------------------------------------------------------------------------------------------


def _make_key(group_name: str) -> SigningKey:
    """Make a key pair and give CloudFront its public half."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    public_pem = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private_pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    name = f"{group_name}-{uuid.uuid4().hex}"
    public_key = cloudfront.create_public_key(
        PublicKeyConfig={"CallerReference": name, "Name": name, "EncodedKey": public_pem.decode()}
    )["PublicKey"]
    return {
        "key_group_id": "",
        "key_pair_id": public_key["Id"],
        "private_key": private_pem.decode(),
        "usable_from": int(time.time()) + PROPAGATION_SECONDS,
    }


def _delete_keys(group_name: str, *, except_for: set[str]) -> None:
    for page in cloudfront.get_paginator("list_public_keys").paginate():
        for key in page["PublicKeyList"].get("Items", []):
            if key["Name"].rpartition("-")[0] == group_name and key["Id"] not in except_for:
                cloudfront.delete_public_key(Id=key["Id"], IfMatch=cloudfront.get_public_key(Id=key["Id"])["ETag"])


def _find_group(name: str) -> str | None:
    marker: dict[str, str] = {}
    while True:
        page = cloudfront.list_key_groups(**marker)["KeyGroupList"]
        for item in page.get("Items", []):
            if item["KeyGroup"]["KeyGroupConfig"]["Name"] == name:
                return str(item["KeyGroup"]["Id"])
        if not page.get("NextMarker"):
            return None
        marker = {"Marker": page["NextMarker"]}


def _read(secret_id: str, stage: str, version: str | None = None) -> SigningKey | None:
    """Return a version of the secret, or None when it does not exist or holds no key (as right after creation)."""
    try:
        which = {"VersionId": version} if version else {}
        text = secrets.get_secret_value(SecretId=secret_id, VersionStage=stage, **which)["SecretString"]
        key: Any = json.loads(text)
    except (json.JSONDecodeError, secrets.exceptions.ResourceNotFoundException):
        return None
    except ClientError as error:
        # An empty version, and one without the label, are "invalid requests" rather than missing.
        if error.response["Error"]["Code"] == "InvalidRequestException":
            return None
        raise
    return cast("SigningKey", key) if isinstance(key, dict) and "private_key" in key else None


def _require(secret_id: str, stage: str, version: str | None = None) -> SigningKey:
    key = _read(secret_id, stage, version)
    if key is None:
        raise ValueError(f"{stage} of {secret_id} holds no signing key; deploy the stack again")
    return key
