"""One way to make a table of items of many kinds: keys ``pk`` and ``sk``, kept, recoverable, items may expire."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

EXPIRY = "expires_at"


def add_item_table(scope: Construct, construct_id: str, *, removal_policy: RemovalPolicy) -> dynamodb.TableV2:
    """Add a table, on demand, with point-in-time recovery, and time to live by ``expires_at`` (epoch seconds).

    Args:
        scope: The pattern that owns the items.
        construct_id: Id of the table inside ``scope``.
        removal_policy: What happens to the table when the stack goes; unless ``DESTROY`` it is protected from deletion.
    """
    return dynamodb.TableV2(
        scope,
        construct_id,
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        billing=dynamodb.Billing.on_demand(),
        time_to_live_attribute=EXPIRY,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=removal_policy is not RemovalPolicy.DESTROY,
        removal_policy=removal_policy,
    )


def leading_keys(*prefixes: str) -> dict[str, dict[str, list[str]]]:
    """Return the condition that binds a statement to partition keys such as ``ROOM#…``."""
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{prefix}#*" for prefix in prefixes]}}
