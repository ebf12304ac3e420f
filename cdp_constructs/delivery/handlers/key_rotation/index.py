"""Makes, rotates and deletes the key pairs with which CloudFront URLs and cookies are signed.

CloudFormation calls it as a custom resource, for the first key pair with its key group and for their deletion; Secrets
Manager calls it with the four steps of a rotation. The private key exists in the secret only::

    {"key_group_id": "…", "key_pair_id": "K…", "private_key": "-----BEGIN PRIVATE KEY-----…", "usable_from": 1790000000}

``usable_from`` (epoch seconds) is when every edge location knows the public key; until then sign with the version that
is labelled AWSPREVIOUS, whose public key stays in the key group until the next rotation.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from .deployment import answer_cloudformation
from .rotation import rotate

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Answer CloudFormation or carry out one step of a rotation."""
    if "RequestType" in event:
        answer_cloudformation(event)
    else:
        rotate(event.get("Step"), event["SecretId"], event.get("ClientRequestToken"))
