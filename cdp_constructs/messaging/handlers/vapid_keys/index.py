"""Makes the key pair of Web Push when CloudFormation asks for it: the custom resource of ``VapidKeys``.

The secret then holds ``{"private_key": "-----BEGIN PRIVATE KEY-----…", "public_key": "B…"}``. A pair that is there
stays: browsers have subscribed to it.
"""

import json
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from .pair import make_pair

# CloudFormation takes 4 KB of answer, and waits for another one.
LONGEST_REASON = 500
logger = Logger()
secrets = boto3.client("secretsmanager")


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Carry out a request of CloudFormation, and send the result to where it waits for it."""
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer["PhysicalResourceId"] = event.get("PhysicalResourceId", event["LogicalResourceId"])
    try:
        if event["RequestType"] != "Delete":  # the secret is deleted or kept by itself
            answer["Data"] = {"PublicKey": public_key(event["ResourceProperties"]["SecretId"])}
        answer["Status"] = "SUCCESS"
    except Exception as error:  # whatever it is, CloudFormation must get an answer or it waits until its timeout
        logger.exception("The key pair could not be made")
        answer |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:LONGEST_REASON]}
    urllib3.PoolManager().request(
        "PUT",
        event["ResponseURL"],
        body=json.dumps(answer).encode(),
        headers={"Content-Type": ""},
        timeout=10,
        retries=3,
    )


def public_key(secret_id: str) -> str:
    """Return the public key of the pair in the secret, which is made unless it is there."""
    known = _pair_in(secrets.get_secret_value(SecretId=secret_id)["SecretString"])
    if known is not None:
        return known["public_key"]
    made = make_pair()
    secrets.put_secret_value(SecretId=secret_id, SecretString=json.dumps(made))
    return made["public_key"]


def _pair_in(text: str) -> dict[str, str] | None:
    """Return the pair; None for the random text of a secret that was just created."""
    try:
        value = from_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and {"private_key", "public_key"} <= value.keys() else None
