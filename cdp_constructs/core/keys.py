"""One way to make a customer-managed key: rotated every year, retained when the stack goes."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct


def add_key(
    scope: Construct,
    construct_id: str,
    *,
    description: str,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
) -> kms.Key:
    """Add a symmetric key. It costs $1 a month and $0.03 per 10,000 requests (KMS price list, us-east-1).

    Args:
        scope: The pattern whose data it encrypts.
        construct_id: Id of the key inside ``scope``.
        description: What it encrypts, as shown in the console.
        removal_policy: What happens to the key when the stack goes; without the key its data is lost.
    """
    return kms.Key(
        scope, construct_id, description=description, enable_key_rotation=True, removal_policy=removal_policy
    )
