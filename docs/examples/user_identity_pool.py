"""Notes and photos of an application without servers: the browser calls DynamoDB and S3 itself, for its user only."""

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3

from cdp_constructs import SignInUserPool, UserIdentityPool


def build(stack: Stack, photos: s3.IBucket) -> UserIdentityPool:
    """Add users, and let each of them work on the notes and photos that are their own."""
    users = SignInUserPool(stack, "Users")
    notes = dynamodb.TableV2(
        stack,
        "Notes",
        partition_key=dynamodb.Attribute(name="owner", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="note", type=dynamodb.AttributeType.STRING),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    identities = UserIdentityPool(stack, "Identities", issuer=users.issuer)
    identities.grant_own_items(notes)
    identities.grant_own_objects(photos, prefix="photos/")
    return identities
