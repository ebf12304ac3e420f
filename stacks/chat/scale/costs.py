"""What the chat costs: list prices of us-east-1, as of 2026-11. A month has 30 days."""

from collections.abc import Mapping

from stacks.chat.scale.crowd import DAYS_A_MONTH, Crowd

__all__ = ["monthly_cost"]

_MILLION = 1_000_000
_GIGABYTE = 1024**3

# https://aws.amazon.com/api-gateway/pricing/
_API_REQUESTS = 1.00
# https://aws.amazon.com/lambda/pricing/, arm64: 50 ms of 1 GB and the call.
_CALL_OF_THE_API = 0.20 + 0.05 * 13.3334
# https://aws.amazon.com/dynamodb/pricing/, on demand
_WRITE, _REPLICATED_WRITE, _READ, _TABLE_GB_MONTH = 0.625, 0.625, 0.125, 0.25
# https://aws.amazon.com/sns/pricing/, https://aws.amazon.com/sqs/pricing/; ten in a request where it is busy
_SNS_IN_BATCHES, _SQS_OF_A_MESSAGE, _CONSUMERS_OF_A_MESSAGE = 0.05, 1.20, 0.25
# https://aws.amazon.com/appsync/pricing/
_EVENT, _CONNECTION_MINUTE = 1.00, 0.08
# https://aws.amazon.com/s3/pricing/, https://aws.amazon.com/cloudfront/pricing/
_PUT, _S3_GB_MONTH, _DOWNLOADED_GB = 5.00, 0.023, 0.085
# https://aws.amazon.com/ses/pricing/; of SNS push
_MAIL, _PUSH = 100.00, 0.50
# https://aws.amazon.com/cognito/pricing/, Essentials: the first 10,000 are free
_ACTIVE_PERSON, _FREE_PEOPLE = 0.015, 10_000

_WRITES_OF_A_MESSAGE = 8
_PARTS_WITH_THUMBNAIL = 3
_DOWNLOADS_OF_A_FILE = 3
_MEGABYTE = 1_000_000


def monthly_cost(crowd: Crowd) -> Mapping[str, float]:
    """Return dollars a month, by item. Logs, alarms and dashboards are left out."""
    days = crowd.people * DAYS_A_MONTH
    heartbeats = days * crowd.open_minutes_a_day
    requests = heartbeats + crowd.messages * 3 + days * crowd.visits_a_day * 4
    events = crowd.messages * 3 + days * crowd.visits_a_day * 2
    files = days * crowd.files_a_day
    notices = days * crowd.notices_a_day
    others = crowd.regions - 1
    return {
        "API: requests": requests / _MILLION * _API_REQUESTS,
        "API: function": requests / _MILLION * _CALL_OF_THE_API,
        "Table: messages": crowd.messages / _MILLION * (_WRITES_OF_A_MESSAGE * _WRITE + 4 * others * _REPLICATED_WRITE),
        "Table: presence": heartbeats / _MILLION * (_WRITE + others * _REPLICATED_WRITE),
        "Table: reads": requests / _MILLION * 3 * _READ,
        "Table: a month of messages": crowd.messages
        * crowd.message_bytes
        / _GIGABYTE
        * _TABLE_GB_MONTH
        * crowd.regions,
        "Fan-out: topic, queues, consumers": events
        / _MILLION
        * crowd.regions
        * (_SNS_IN_BATCHES + _SQS_OF_A_MESSAGE + _CONSUMERS_OF_A_MESSAGE),
        "Live: events": events / _MILLION * (crowd.regions + crowd.watching) * _EVENT,
        "Live: connections": heartbeats / _MILLION * _CONNECTION_MINUTE,
        "Attachments: stored": files * (_PARTS_WITH_THUMBNAIL * _PUT / _MILLION + _MEGABYTE / _GIGABYTE * _S3_GB_MONTH),
        "Attachments: downloads": files * _DOWNLOADS_OF_A_FILE * _MEGABYTE / _GIGABYTE * _DOWNLOADED_GB,
        "Notices": notices / _MILLION * (crowd.mails * _MAIL + (1 - crowd.mails) * _PUSH),
        "Sign-in": max(0, crowd.people - _FREE_PEOPLE) * _ACTIVE_PERSON,
    }
