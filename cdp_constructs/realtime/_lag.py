"""Lets a publisher note that it publishes late, in a table that others read."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.cdk import dynamodb, lambda_
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.tables import check_table, key_of
from cdp_constructs.core.validation import InvalidOptionError, check_duration

# Above, a lapsed visibility timeout could not be told from load.
_SHORTEST, _LONGEST = 1, 60


def check_lag(construct: "Construct", lag_table: "dynamodb.ITable | None", max_lag: "Duration | None") -> None:
    """Refuse half of what it takes, a table with other keys, and a lag out of range.

    Raises:
        InvalidOptionError: naming the rule.
    """
    if lag_table is None and max_lag is None:
        return
    if max_lag is None:
        fix = "Give max_lag too, such as Duration.seconds(5)"
        raise InvalidOptionError(construct, "lag_table", "was given without max_lag", fix)
    if lag_table is None:
        fix = "Give lag_table too: where it is noted"
        raise InvalidOptionError(construct, "max_lag", "was given without lag_table", fix)
    low, high = Duration.seconds(_SHORTEST), Duration.seconds(_LONGEST)
    source = "what is later was held back by a failure, not by load"
    check_duration(construct, "max_lag", max_lag, low=low, high=high, source=source, unit=Duration.millis(1))
    check_table(construct, lag_table, partition_key="pk", sort_key="sk", expires=False, option="lag_table")


def note_lag(publisher: "lambda_.Function", lag_table: "dynamodb.ITable | None", max_lag: "Duration | None") -> None:
    """Let a publisher write the note of its Region, if it is given where."""
    if lag_table is None or max_lag is None:
        return
    publisher.add_environment("LAG_TABLE", lag_table.table_name)
    publisher.add_environment("MAX_LAG", f"{max_lag.to_milliseconds() / 1000:g}")
    if (key := key_of(lag_table, None)) is not None:
        key.grant(publisher, *USE_TABLE_KEY)
    region = stack_of(publisher).region
    publisher.add_to_role_policy(
        iam.PolicyStatement(
            actions=["dynamodb:PutItem"],
            resources=[lag_table.table_arn],
            conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"DELIVERY#{region}"]}},
        )
    )
