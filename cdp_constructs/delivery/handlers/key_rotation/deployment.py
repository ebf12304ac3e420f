"""What CloudFormation asks for: the first key pair with its key group, and the end of all of them."""

import json
from typing import Any

import urllib3
from aws_lambda_powertools import Logger

from . import key_pairs, secret

# CloudFormation takes 4 KB of answer, and waits for another one.
LONGEST_REASON = 500
logger = Logger(child=True)


def answer_cloudformation(event: dict[str, Any]) -> None:
    """Carry out a request of the custom resource, and send the result to where CloudFormation waits for it."""
    # Public keys and key groups share one namespace per account; the stack's own id keeps stacks and Regions apart.
    name = f"{event['LogicalResourceId'][-40:]}-{event['StackId'].rpartition('/')[2]}"
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    try:
        if event["RequestType"] == "Delete":
            key_pairs.delete_group(name)
            physical_id = event["PhysicalResourceId"]
        else:
            physical_id = _create(name, event["ResourceProperties"]["SecretId"])
        answer |= {"Status": "SUCCESS", "PhysicalResourceId": physical_id}
    except Exception as error:  # whatever it is, CloudFormation must get an answer or it waits until its timeout
        logger.exception("The signing keys could not be changed")
        answer |= {"Status": "FAILED", "PhysicalResourceId": event.get("PhysicalResourceId", name)}
        answer["Reason"] = f"{type(error).__name__}: {error}"[:LONGEST_REASON]
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
    group_id = key_pairs.find_group(name)
    current = secret.read(secret_id, "AWSCURRENT")
    if group_id and current and current["key_group_id"] == group_id:
        return group_id
    key_pairs.delete_group(name)
    key = key_pairs.make_key(name)
    # No edge location serves the distribution yet, so nobody can be refused for a key that is too new.
    key |= {"key_group_id": key_pairs.make_group(name, key), "usable_from": 0}
    secret.store(secret_id, key)
    return key["key_group_id"]
