"""The four steps of a rotation, as Secrets Manager asks for them; each can be repeated."""

import os

from aws_lambda_powertools import Logger

from . import key_pairs, secret

logger = Logger(child=True)

GROUP_NAME = os.environ["KEY_GROUP_NAME"]


def rotate(step: object, secret_id: str, token: object) -> None:
    """Carry out one step for the version that the token names.

    Raises:
        ValueError: when there is no such step or version, or neither a key nor a key group.
    """
    steps = {"createSecret": _create, "setSecret": _set, "testSecret": _test, "finishSecret": _finish}
    if not isinstance(step, str) or step not in steps:
        raise ValueError(f"step {step!r} is not a step of a rotation")
    if not isinstance(token, str) or token not in secret.versions(secret_id):
        raise ValueError(f"version {token} is not a version of {secret_id}")
    steps[step](secret_id, token)
    logger.info("Rotation step done", step=step, version=token)


def _create(secret_id: str, token: str) -> None:
    """Put a new key pair into the pending version, once."""
    if secret.read(secret_id, "AWSPENDING", token):
        return
    group_id = _group_of(secret_id)
    key = key_pairs.make_key(key_pairs.name_of_group(group_id))
    key["key_group_id"] = group_id
    secret.store(secret_id, key, pending=token)


def _group_of(secret_id: str) -> str:
    """Return the key group that the deployment made, whatever the secret says; it may have been overwritten by hand."""
    current = secret.read(secret_id, "AWSCURRENT")
    if current is None:
        logger.warning("The secret holds no signing key; it gets a new one", secret=secret_id)
    group_id = key_pairs.find_group(GROUP_NAME)
    if group_id is None:
        lost = "holds no signing key" if current is None else "holds a key of another group"
        raise ValueError(f"{secret_id} {lost}, and there is no key group {GROUP_NAME}")
    return group_id


def _set(secret_id: str, token: str) -> None:
    """Trust the pending key beside those that may have signed URLs which are still valid."""
    key_pairs.trust([secret.require(secret_id, "AWSPENDING", token), *secret.live(secret_id)])


def _test(secret_id: str, token: str) -> None:
    """Check that the pending key signs what CloudFront's public key verifies."""
    # When a schedule is set, Secrets Manager runs this step alone, with a pending version that may be empty.
    key_pairs.check_key(secret.read(secret_id, "AWSPENDING", token) or secret.require(secret_id, "AWSCURRENT"))


def _finish(secret_id: str, token: str) -> None:
    """Sign with the new key from now on, keep the one before it, and delete all older ones."""
    if "AWSCURRENT" not in secret.versions(secret_id)[token]:
        secret.require(secret_id, "AWSPENDING", token)
        secret.promote(secret_id, token)
    secret.require(secret_id, "AWSCURRENT")
    live = secret.live(secret_id)
    name = key_pairs.trust(live)
    # By name, so that keys which a broken-off rotation left behind go as well.
    key_pairs.delete_keys(name, except_for={key["key_pair_id"] for key in live})
