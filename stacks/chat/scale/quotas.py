"""What a crowd asks of the default quotas of one Region that serves everybody because others are lost."""

from collections.abc import Sequence

from cdp_constructs.estimates import Quota, default_quota
from stacks.chat.scale.crowd import Crowd

__all__ = ["quotas"]

# A message: itself, marker, head and counter, twice in a transaction; and its copy by replication.
_WRITES_OF_A_MESSAGE, _WRITES_OF_A_HEARTBEAT = 12, 2
_SECONDS_OF_A_REQUEST = 0.05
# Consumers of queues and of the stream, with their reserved concurrency.
_CONSUMERS = 60
_TOKENS_A_DAY = 6
# The Region with the lowest quota of those that the chat is meant for.
_LOWEST = "ap-northeast-1"


def quotas(crowd: Crowd) -> Sequence[Quota]:
    """Return the quotas that the chat runs against."""
    messages = crowd.a_second(crowd.messages_a_day)
    notices = crowd.a_second(crowd.notices_a_day)
    heartbeats = crowd.a_second(crowd.open_minutes_a_day)
    concurrent = crowd.requests * _SECONDS_OF_A_REQUEST + _CONSUMERS
    written = messages * _WRITES_OF_A_MESSAGE + heartbeats * _WRITES_OF_A_HEARTBEAT
    tokens = crowd.a_second(min(crowd.visits_a_day, _TOKENS_A_DAY))
    mails_a_day = crowd.people * crowd.notices_a_day * crowd.mails
    return [
        default_quota("HTTP API: requests/s of the account", "api_gateway.requests_a_second", crowd.requests),
        default_quota("Lambda: concurrent executions", "lambda.concurrent_executions", concurrent),
        default_quota("DynamoDB: writes/s of a table", "dynamodb.table_writes_a_second", written),
        default_quota("SNS: messages/s (Tokyo)", "sns.messages_a_second", crowd.live_events, region=_LOWEST),
        default_quota("AppSync Events: events/s in", "appsync.events_in_a_second", crowd.live_events),
        default_quota(
            "AppSync Events: events/s out", "appsync.events_out_a_second", crowd.live_events * crowd.watching
        ),
        default_quota("AppSync Events: connections/s", "appsync.connects_a_second", crowd.a_second(crowd.visits_a_day)),
        default_quota("Cognito: look-ups/s, one for each notice", "cognito.user_reads_a_second", notices),
        default_quota("Cognito: renewed tokens/s", "cognito.tokens_a_second", tokens),
        default_quota("SES: mails/s", "ses.mails_a_second", notices * crowd.mails),
        default_quota("SES: mails in 24 hours", "ses.mails_a_day", mails_a_day, headroom=1.5),
    ]
