"""What a way costs at the size of a brief, and which quota it reaches first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil

from cdp_constructs.estimates import HOURS_A_MONTH, Quota, Use, default_quota, monthly_cost
from cdp_constructs.judge.brief import Brief
from cdp_constructs.judge.graph import Graph, Part
from cdp_constructs.review.cards.costs import cost_at_rest
from cdp_constructs.review.cards.tasks import billed_size, tasks_of
from cdp_constructs.review.values import number

__all__ = ["SIZES", "growth", "quotas", "uses", "whole_cost"]

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""People, for what a system costs as it grows."""

_GIGABYTE = 1024**3
_CALL_SECONDS = 0.05
"""What a function takes for a request: an assumption."""
_WRITES, _QUEUE_REQUESTS = 2, 3
"""Items that a message writes; and it is sent, received and deleted."""


def uses(brief: Brief, parts: Sequence[Part]) -> Iterator[Use]:
    """Yield what people use of the parts in a month; what is paid at rest is not in it."""
    for part in parts:
        if read := _USES.get(part.type):
            yield from read(brief, part)
    files = brief.people * brief.attachments_a_day * 30
    if files and any(part.type == "AWS::S3::Bucket" for part in parts):
        stored = files * brief.attachment_bytes / _GIGABYTE
        yield Use("attachments", "s3.puts", files)
        yield Use("attachments", "s3.gigabyte_months", stored)
        cached = any(part.type == "AWS::CloudFront::Distribution" for part in parts)
        yield Use("attachments", "cloudfront.gigabytes" if cached else "ec2.internet_gigabytes", stored)


def whole_cost(brief: Brief, graph: Graph, parts: Sequence[Part]) -> Mapping[str, float]:
    """Return dollars a month by part: at rest, the tasks that are more than that, and what is used."""
    at_rest = sum(cost_at_rest(template)[0] for template in graph.templates)
    return {"at rest": at_rest, **monthly_cost([*_tasks(brief, parts), *uses(brief, parts)]).parts}


def growth(brief: Brief, graph: Graph, parts: Sequence[Part]) -> dict[int, float]:
    """Return dollars a month by number of people."""
    return {size: sum(whole_cost(replace(brief, people=size), graph, parts).values()) for size in SIZES}


def _tasks(brief: Brief, parts: Sequence[Part]) -> Iterator[Use]:
    """Yield the tasks of services that answer requests, beyond those that run at rest."""
    for part in parts:
        if part.type != "AWS::ECS::Service" or part.resource is None or part.template is None:
            continue
        task = part.template.target(part.resource.get("TaskDefinition"))
        if task is None:
            continue
        mean = ceil(brief.requests_a_second / brief.peak / brief.requests_a_second_a_task)
        tasks = tasks_of(part.resource, part.template)
        hours = max(0, min(mean, tasks.most) - tasks.least) * HOURS_A_MONTH
        processors, gigabytes = billed_size(task)
        yield Use("tasks", "fargate.cpu_hours", hours * processors)
        yield Use("tasks", "fargate.gigabyte_hours", hours * gigabytes)


def quotas(brief: Brief, parts: Sequence[Part]) -> list[Quota]:
    """Return the default quotas of what the ways go through, and the most tasks of services, in the busiest second."""
    asked = brief.requests_a_second
    messages = asked / brief.requests_a_message if brief.requests_a_message else 0.0
    found = {part.type for part in parts}
    rows = (
        ("AWS::ApiGatewayV2::Api", "HTTP API: requests/s of the account", "api_gateway.requests_a_second", asked),
        ("AWS::ApiGateway::RestApi", "REST API: requests/s of the account", "api_gateway.requests_a_second", asked),
        ("AWS::Lambda::Function", "Lambda: executions at once", "lambda.concurrent_executions", asked * _CALL_SECONDS),
        ("AWS::SNS::Topic", "SNS: messages/s", "sns.messages_a_second", messages),
        ("AWS::AppSync::Api", "AppSync Events: events/s in", "appsync.events_in_a_second", messages),
        ("AWS::DynamoDB::Table", "DynamoDB: writes/s of a table", "dynamodb.table_writes_a_second", messages * _WRITES),
        (
            "AWS::DynamoDB::GlobalTable",
            "DynamoDB: writes/s of a table",
            "dynamodb.table_writes_a_second",
            messages * _WRITES,
        ),
        ("AWS::Cognito::UserPool", "Cognito: sign-ins/s", "cognito.sign_ins_a_second", asked / 1000),
    )
    tasks = asked / brief.requests_a_second_a_task if brief.requests_a_second_a_task else 0.0
    most = {
        part.name: tasks_of(part.resource, part.template).most
        for part in parts
        if part.type == "AWS::ECS::Service" and part.resource and part.template
    }
    return [
        *(default_quota(name, figure, needed) for kind, name, figure, needed in rows if kind in found),
        *(Quota(f"{name}: tasks at most", tasks, limit) for name, limit in most.items()),
    ]


def _requests(brief: Brief) -> float:
    return brief.messages * brief.requests_a_message


def _http_api(brief: Brief, part: Part) -> Iterator[Use]:
    del part
    yield Use("API", "api_gateway.http_requests", _requests(brief))


def _rest_api(brief: Brief, part: Part) -> Iterator[Use]:
    del part
    yield Use("API", "api_gateway.rest_requests", _requests(brief))


def _function(brief: Brief, part: Part) -> Iterator[Use]:
    memory = number(part.resource.get("MemorySize") if part.resource else None, 128) / 1024
    yield Use("functions", "lambda.requests", _requests(brief))
    yield Use("functions", "lambda.arm_gigabyte_seconds", _requests(brief) * _CALL_SECONDS * memory)


def _table(brief: Brief, part: Part) -> Iterator[Use]:
    copies = max(1, len(part.resource.items("Replicas"))) if part.resource else 1
    yield Use("tables", "dynamodb.writes", brief.messages * _WRITES * copies)
    yield Use("tables", "dynamodb.reads", _requests(brief))


def _queue(brief: Brief, part: Part) -> Iterator[Use]:
    del part
    yield Use("queues and topics", "sqs.requests", brief.messages * _QUEUE_REQUESTS)


def _topic(brief: Brief, part: Part) -> Iterator[Use]:
    del part
    yield Use("queues and topics", "sns.requests", brief.messages)


def _channel(brief: Brief, part: Part) -> Iterator[Use]:
    del part
    yield Use("live messages", "appsync.operations", brief.messages * (1 + brief.receivers))


def _web_acl(brief: Brief, part: Part) -> Iterator[Use]:
    del part
    yield Use("firewall", "waf.requests", _requests(brief))


_USES: Mapping[str, Callable[[Brief, Part], Iterator[Use]]] = {
    "AWS::ApiGateway::RestApi": _rest_api,
    "AWS::ApiGatewayV2::Api": _http_api,
    "AWS::AppSync::Api": _channel,
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::DynamoDB::Table": _table,
    "AWS::Lambda::Function": _function,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::WAFv2::WebACL": _web_acl,
}
