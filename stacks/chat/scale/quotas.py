"""What a crowd asks of the default quotas (2026-11) of one Region that serves everybody because others are lost."""

from collections.abc import Sequence

from stacks.chat.scale.crowd import Crowd
from stacks.scale import Quota

__all__ = ["quotas"]

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html; not adjustable. The stage stops at half.
_API_REQUESTS = 10_000
# https://docs.aws.amazon.com/general/latest/gr/sns.html (ap-northeast-1)
_SNS_MESSAGES = 1_500
# https://docs.aws.amazon.com/general/latest/gr/appsync.html
_EVENTS_IN, _EVENTS_OUT, _CONNECTS = 10_000, 1_000_000, 2_000
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_CONCURRENCY = 1_000
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
_TABLE_WRITES = 40_000
# https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html
_USER_READ, _USER_TOKEN = 120, 120
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html, out of the sandbox
_MAILS_A_SECOND, _MAILS_A_DAY = 14, 50_000

# A message: itself, marker, head and counter, twice in a transaction; and its copy by replication.
_WRITES_OF_A_MESSAGE, _WRITES_OF_A_HEARTBEAT = 12, 2
_SECONDS_OF_A_REQUEST = 0.05
# Consumers of queues and of the stream, with their reserved concurrency.
_CONSUMERS = 60
_TOKENS_A_DAY = 6
_HOURS_OF_MAIL = 24


def quotas(crowd: Crowd) -> Sequence[Quota]:
    """Return the quotas that the chat runs against."""
    messages = crowd.a_second(crowd.messages_a_day)
    notices = crowd.a_second(crowd.notices_a_day)
    heartbeats = crowd.a_second(crowd.open_minutes_a_day)
    return [
        Quota("HTTP API: requests/s of the account", crowd.requests, _API_REQUESTS),
        Quota("Lambda: concurrent executions", crowd.requests * _SECONDS_OF_A_REQUEST + _CONSUMERS, _CONCURRENCY),
        Quota(
            "DynamoDB: writes/s of a table",
            messages * _WRITES_OF_A_MESSAGE + heartbeats * _WRITES_OF_A_HEARTBEAT,
            _TABLE_WRITES,
        ),
        Quota("SNS: messages/s (Tokyo)", crowd.live_events, _SNS_MESSAGES),
        Quota("AppSync Events: events/s in", crowd.live_events, _EVENTS_IN),
        Quota("AppSync Events: events/s out", crowd.live_events * crowd.watching, _EVENTS_OUT),
        Quota("AppSync Events: connections/s", crowd.a_second(crowd.visits_a_day), _CONNECTS),
        Quota("Cognito: look-ups/s, one for each notice", notices, _USER_READ),
        Quota("Cognito: renewed tokens/s", crowd.a_second(min(crowd.visits_a_day, _TOKENS_A_DAY)), _USER_TOKEN),
        Quota("SES: mails/s", notices * crowd.mails, _MAILS_A_SECOND),
        Quota(
            f"SES: mails in {_HOURS_OF_MAIL} hours",
            crowd.people * crowd.notices_a_day * crowd.mails,
            _MAILS_A_DAY,
            headroom=1.5,
        ),
    ]
