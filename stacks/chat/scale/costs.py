"""What the chat uses of AWS in a month, and what it costs by the list prices of us-east-1."""

from collections.abc import Iterator, Mapping

from cdp_constructs.estimates import DAYS_A_MONTH, Use
from cdp_constructs.estimates import monthly_cost as cost_of
from stacks.chat.scale.crowd import Crowd

__all__ = ["AT_REST", "AT_REST_OF_A_REGION", "monthly_cost", "uses"]

AT_REST_OF_A_REGION, AT_REST = 14.10, 18.60
"""Dollars a month of alarms, keys, dashboards and secrets before anybody comes: of a Region, and of what all share."""

_PLANS = {"essentials": "cognito.active_people", "lite": "cognito.active_people_of_lite"}
_GIGABYTE = 1024**3
_MEGABYTE = 1_000_000
_PARTS_WITH_THUMBNAIL = 3
_DOWNLOADS_OF_A_FILE = 3

# A request to the API: 50 ms of 1 GB, three reads; what it and its function log; its answer.
_GB_SECONDS_OF_A_REQUEST, _READS_OF_A_REQUEST = 0.05, 3
_LOGGED_OF_A_REQUEST, _ANSWER = 1_500, 1_000
# Of requests beyond one a second X-Ray records one in twenty.
_TRACED = 0.05
# An event in a Region: a tenth of a request to the topic; three queues that send, receive and delete, in tens, and wait
# in between; a tenth of a call of three functions.
_IN_A_BATCH = 10
_QUEUE_REQUESTS, _CONSUMER_GB_SECONDS = 3, 0.017
# A message: itself, marker, head and counter, twice in a transaction, and its copies by replication.
_WRITES_OF_A_MESSAGE, _COPIES_OF_A_MESSAGE = 8, 4
# A data key of a queue or topic serves for five minutes; the rest are attachments and their thumbnails.
_KEY_REQUESTS_OF_A_FILE = 6


def _api(requests: float) -> Iterator[Use]:
    yield Use("API: requests", "api_gateway.http_requests", requests)
    yield Use("API: function", "lambda.requests", requests)
    yield Use("API: function", "lambda.arm_gigabyte_seconds", requests * _GB_SECONDS_OF_A_REQUEST)
    yield Use("API: answers", "ec2.internet_gigabytes", requests * _ANSWER / _GIGABYTE)


def _table(crowd: Crowd, requests: float, heartbeats: float) -> Iterator[Use]:
    others = crowd.regions - 1
    written = crowd.messages * (_WRITES_OF_A_MESSAGE + _COPIES_OF_A_MESSAGE * others)
    yield Use("Table: messages", "dynamodb.writes", written)
    yield Use("Table: presence", "dynamodb.writes", heartbeats * (1 + others))
    yield Use("Table: reads", "dynamodb.reads", requests * _READS_OF_A_REQUEST)
    stored = crowd.messages * crowd.message_bytes / _GIGABYTE
    yield Use("Table: a month of messages", "dynamodb.gigabyte_months", stored * crowd.regions)
    copied = (crowd.messages * _COPIES_OF_A_MESSAGE + heartbeats) * crowd.message_bytes / _GIGABYTE
    yield Use("Table: copies to other Regions", "ec2.region_gigabytes", copied * others)


def _live(crowd: Crowd, events: float, heartbeats: float) -> Iterator[Use]:
    in_regions = events * crowd.regions
    fanout = "Fan-out: topic, queues, consumers"
    yield Use(fanout, "sns.requests", in_regions / _IN_A_BATCH)
    yield Use(fanout, "sqs.requests", in_regions * _QUEUE_REQUESTS)
    yield Use(fanout, "lambda.requests", in_regions / _IN_A_BATCH)
    yield Use(fanout, "lambda.arm_gigabyte_seconds", in_regions * _CONSUMER_GB_SECONDS)
    yield Use("Live: events", "appsync.operations", events * (crowd.regions + crowd.watching))
    yield Use("Live: connections", "appsync.connection_minutes", heartbeats)


def _attachments(files: float) -> Iterator[Use]:
    yield Use("Attachments: stored", "s3.puts", files * _PARTS_WITH_THUMBNAIL)
    yield Use("Attachments: stored", "s3.gigabyte_months", files * _MEGABYTE / _GIGABYTE)
    yield Use("Attachments: stored", "kms.requests", files * _KEY_REQUESTS_OF_A_FILE)
    downloaded = files * _DOWNLOADS_OF_A_FILE * _MEGABYTE / _GIGABYTE
    yield Use("Attachments: downloads", "cloudfront.gigabytes", downloaded)


def uses(crowd: Crowd) -> Iterator[Use]:
    """Return what the crowd uses in a month."""
    days = crowd.people * DAYS_A_MONTH
    heartbeats = days * crowd.open_minutes_a_day
    visits = days * crowd.visits_a_day
    requests = heartbeats + crowd.messages * crowd.of_a_message + visits * 4
    events = crowd.messages * crowd.of_a_message + visits * 2
    notices = days * crowd.notices_a_day
    yield from _api(requests)
    yield from _table(crowd, requests, heartbeats)
    yield from _live(crowd, events, heartbeats)
    yield from _attachments(days * crowd.files_a_day)
    yield Use("Notices", "ses.mails", notices * crowd.mails)
    yield Use("Notices", "sns.pushes", notices * (1 - crowd.mails))
    yield Use("Sign-in", _PLANS[crowd.sign_in_plan], crowd.people)
    yield Use("Logs", "cloudwatch.logs_gigabytes", requests * _LOGGED_OF_A_REQUEST / _GIGABYTE)
    yield Use("Traces", "xray.traces", requests * _TRACED)


def monthly_cost(crowd: Crowd) -> Mapping[str, float]:
    """Return dollars a month, by part: all that the chat needs of AWS but people's names and support plans."""
    at_rest = AT_REST_OF_A_REGION * crowd.regions + AT_REST
    return {**cost_of(uses(crowd)).parts, "Alarms, keys, dashboards, secrets": at_rest}
