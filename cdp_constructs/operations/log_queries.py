"""Saved queries of CloudWatch Logs Insights over the logs of a finished stack."""

from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import stack_of
from cdp_constructs.operations.dashboards import StackContents

__all__ = ["add_log_queries"]

CORRELATION_ID = "00000000000000000000000000000000"
"""What the saved query has where an operator writes the id that is looked for."""

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
_MOST_LOG_GROUPS = 50

_ONE_ID = f"""fields @timestamp, @log, level, message, @message
| filter @message like /{CORRELATION_ID}/
| sort @timestamp asc
| limit 1000"""
# A function that is killed writes no line of its own: the last two are Lambda's.
_ERRORS = """filter level in ["ERROR", "CRITICAL"] or @message like /Task timed out/ or @message like /Runtime exited/
| stats count(*) as errors, latest(@timestamp) as newest by @log
| sort errors desc"""
_QUERIES = {"OneId": ("One id", _ONE_ID), "Errors": ("Errors by function", _ERRORS)}


@checks_options
def add_log_queries(scope: Construct, construct_id: str, contents: StackContents) -> list[logs.CfnQueryDefinition]:
    """Save two queries for CloudWatch Logs Insights: the way of one correlation id, and errors by function.

    The console lists them below the stack's name. They search the stack's log groups in the period that the console
    has, which is an hour unless it is changed. A query costs $0.005 per GB that it reads; saving it costs nothing.

    Args:
        scope: The finished stack.
        construct_id: Id inside it.
        contents: What the stack has. Of more than 50 log groups, which a query cannot search, each query is saved for
            each 50.
    """
    place = Construct(scope, construct_id)
    groups = list(contents.log_groups.values())
    parts = [groups[start : start + _MOST_LOG_GROUPS] for start in range(0, len(groups), _MOST_LOG_GROUPS)]
    return [
        logs.CfnQueryDefinition(
            place,
            f"{query_id}{number}" if number > 1 else query_id,
            name=f"{stack_of(scope).stack_name}/{name}{f' ({number})' if number > 1 else ''}",
            query_string=text,
            log_group_names=[group.ref for group in part],
        )
        for number, part in enumerate(parts, start=1)
        for query_id, (name, text) in _QUERIES.items()
    ]
