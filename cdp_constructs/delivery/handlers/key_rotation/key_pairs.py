"""Key pairs: their public keys and the key group at CloudFront, and a test that both halves belong together."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .secret import SigningKey

logger = Logger(child=True)
cloudfront = boto3.client("cloudfront")

KEY_BITS = 2048  # the only RSA size that CloudFront takes
PROPAGATION_SECONDS = 600  # CloudFront gives no event for it; its documentation speaks of a few minutes


def make_key(group_name: str) -> SigningKey:
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


def check_key(key: SigningKey) -> None:
    """Sign with the private key and verify with the public key that CloudFront holds.

    Raises:
        ValueError: when the key group lacks the key.
        TypeError: when it is no RSA key.
        InvalidSignature: when the halves do not belong together.
    """
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


def delete_keys(group_name: str, *, except_for: set[str]) -> None:
    """Delete the public keys that were made for a key group, but some, and those that CloudFront keeps."""
    for key_id in list(_made_for(group_name)):
        if key_id not in except_for:
            try:
                etag = cloudfront.get_public_key(Id=key_id)["ETag"]
                cloudfront.delete_public_key(Id=key_id, IfMatch=etag)
            except ClientError as error:
                # Another key group has it, or somebody else has deleted it.
                if error.response["Error"]["Code"] not in {"NoSuchPublicKey", "PublicKeyInUse"}:
                    raise
                logger.warning("Public key stays", key=key_id, reason=str(error))


def _made_for(group_name: str) -> Iterator[str]:
    """Yield the ids of the public keys that were made for a key group."""
    pages: Any = cloudfront.get_paginator("list_public_keys").paginate()
    for page in pages:
        for key in page["PublicKeyList"].get("Items", []):
            if key["Name"].rpartition("-")[0] == group_name:
                yield key["Id"]


def trust(keys: list[SigningKey]) -> str:
    """Let the key group hold a new key and, of others, those that were made for it; return the group's name."""
    new, *others = keys
    group_id = new["key_group_id"]
    answer = cloudfront.get_key_group(Id=group_id)
    config = answer["KeyGroup"]["KeyGroupConfig"]
    # A version that was written by hand may name a key that does not exist, at which the update would fail.
    known = set(_made_for(config["Name"])) if others else set()
    named = [new["key_pair_id"], *(key["key_pair_id"] for key in others if key["key_pair_id"] in known)]
    items = list(dict.fromkeys(named))
    if items != config["Items"]:
        cloudfront.update_key_group(Id=group_id, IfMatch=answer["ETag"], KeyGroupConfig={**config, "Items": items})
    return config["Name"]


def make_group(name: str, key: SigningKey) -> str:
    """Make a key group with one key, and return its id."""
    config = {"Name": name, "Items": [key["key_pair_id"]]}
    return str(cloudfront.create_key_group(KeyGroupConfig=config)["KeyGroup"]["Id"])  # type: ignore[arg-type]


def name_of_group(group_id: str) -> str:
    """Return the name of a key group."""
    return cloudfront.get_key_group(Id=group_id)["KeyGroup"]["KeyGroupConfig"]["Name"]


def delete_group(name: str) -> None:
    """Delete a key group, if it exists, and all of its keys."""
    group_id = find_group(name)
    if group_id:
        cloudfront.delete_key_group(Id=group_id, IfMatch=cloudfront.get_key_group(Id=group_id)["ETag"])
    delete_keys(name, except_for=set())


def find_group(name: str) -> str | None:
    """Return the id of a key group, or None when there is none of this name."""
    marker: dict[str, str] = {}
    while True:
        page = cloudfront.list_key_groups(**marker)["KeyGroupList"]
        for item in page.get("Items", []):
            if item["KeyGroup"]["KeyGroupConfig"]["Name"] == name:
                return str(item["KeyGroup"]["Id"])
        if not page.get("NextMarker"):
            return None
        marker = {"Marker": page["NextMarker"]}
