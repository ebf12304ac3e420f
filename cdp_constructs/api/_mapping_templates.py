r"""Mapping templates between callers and services, in which nothing that a caller sends becomes part of a request.

What callers send goes in by three ways only: as JSON that API Gateway has parsed and written again (``$input.json``),
URL-encoded, or escaped inside a JSON text. ``$util.escapeJavaScript`` writes an apostrophe as ``\'``, which JSON does
not have: it is taken back.

What is set in front of a request stands on its line: a line more would be part of a form.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from collections.abc import Sequence

__all__ = [
    "BY_SIGNATURE",
    "BY_TOKEN",
    "DELETED",
    "FAILED",
    "FOUND",
    "LISTED",
    "PUBLISHED",
    "TAKEN",
    "delete_item",
    "for_origins",
    "get_item",
    "publish_message",
    "put_events",
    "put_item",
    "put_record",
    "query_items",
    "send_message",
    "start_execution",
]

BY_TOKEN = "$context.authorizer.claims.sub"  # noqa: S105  # the name of a claim
"""Who calls, where a user pool's token says it."""
BY_SIGNATURE = "$context.identity.userArn"
"""Who calls, where the request is signed."""

_PAGE = 100


def _escaped(expression: str) -> str:
    """Return what stands for a value inside a JSON text."""
    return f"""$util.escapeJavaScript({expression}).replaceAll("\\\\'", "'")"""


_BODY = "$input.json('$')"
_ID = _escaped("$input.params('id')")
_MESSAGE = _escaped("$message")


def _message(caller: str) -> str:
    """Set ``$message``: who calls, the request's id, and what was sent."""
    return (
        "#set($q = '\"')"
        f"#set($caller = {_escaped(caller)})"
        f"#set($data = {_BODY})"
        '#set($message = "{${q}caller${q}:${q}${caller}${q},${q}request_id${q}:${q}${context.extendedRequestId}${q},'
        '${q}data${q}:${data}}")'
    )


def send_message(caller: str) -> str:
    """Return the body of SendMessage."""
    return f"{_message(caller)}Action=SendMessage&MessageBody=$util.urlEncode($message)"


def publish_message(caller: str, topic_arn: str) -> str:
    """Return the body of Publish."""
    return f"{_message(caller)}Action=Publish&TopicArn=$util.urlEncode('{topic_arn}')&Message=$util.urlEncode($message)"


def put_events(caller: str, event_bus_name: str, source: str, detail_type: str) -> str:
    """Return the body of PutEvents, with one event."""
    return (
        f'{_message(caller)}{{"Entries":[{{"EventBusName":"{event_bus_name}","Source":"{source}",'
        f'"DetailType":"{detail_type}","Detail":"{_MESSAGE}"}}]}}'
    )


def put_record(caller: str, stream_name: str) -> str:
    """Return the body of PutRecord: the records of a caller keep their order."""
    return (
        f'{_message(caller)}{{"StreamName":"{stream_name}","PartitionKey":"$caller",'
        '"Data":"$util.base64Encode($message)"}'
    )


def start_execution(caller: str, state_machine_arn: str) -> str:
    """Return the body of StartExecution."""
    return f'{_message(caller)}{{"stateMachineArn":"{state_machine_arn}","input":"{_MESSAGE}"}}'


def _owner(caller: str) -> str:
    """Set ``$caller`` and ``$hash``; a ``#`` in front of a reference could begin a directive."""
    return f"#set($hash = '#')#set($caller = {_escaped(caller)})"


def _partition(partition: str) -> str:
    return f'{{"S":"{partition}${{hash}}${{caller}}"}}'


def _key(partition: str) -> str:
    """Return the key of an item of the caller."""
    return f'{{"pk":{_partition(partition)},"sk":{{"S":"{_ID}"}}'


def put_item(caller: str, table_name: str, partition: str) -> str:
    """Return the body of PutItem: what was sent is one attribute, and cannot become another."""
    return (
        f'{_owner(caller)}{{"TableName":"{table_name}","Item":{_key(partition)},'
        f'"data":{{"S":"{_escaped(_BODY)}"}},"updated_at":{{"N":"$context.requestTimeEpoch"}}}}}}'
    )


def get_item(caller: str, table_name: str, partition: str) -> str:
    """Return the body of GetItem."""
    return f'{_owner(caller)}{{"TableName":"{table_name}","ConsistentRead":true,"Key":{_key(partition)}}}}}'


def delete_item(caller: str, table_name: str, partition: str) -> str:
    """Return the body of DeleteItem."""
    return f'{_owner(caller)}{{"TableName":"{table_name}","Key":{_key(partition)}}}}}'


def query_items(caller: str, table_name: str, partition: str) -> str:
    """Return the body of Query: a page of the caller's items, behind the one that the request names."""
    owner, after = _partition(partition), _escaped("$after")
    return (
        f"{_owner(caller)}#set($after = \"$!input.params('after')\")"
        f'{{"TableName":"{table_name}","KeyConditionExpression":"pk = :owner",'
        f'"ExpressionAttributeValues":{{":owner":{owner}}},"Limit":{_PAGE},"ConsistentRead":true'
        f'#if($after != ""),"ExclusiveStartKey":{{"pk":{owner},"sk":{{"S":"{after}"}}}}#end}}'
    )


TAKEN = '{"request_id":"$context.extendedRequestId"}'
"""What callers get when a service took what they sent."""
PUBLISHED = (
    '#if("$!input.path(\'$.FailedEntryCount\')" != "0")#set($context.responseOverride.status = 502)'
    '{"message":"Bad Gateway"}#else\n' + TAKEN + "#end"
)
"""Answers PutEvents, which is 200 also when the event was not taken."""
FOUND = (
    "#set($found = \"$!input.path('$.Item.data.S')\")\n"
    '#if($found == "")#set($context.responseOverride.status = 404){"message":"Not Found"}#else\n$found#end'
)
"""Answers GetItem."""
LISTED = (
    "#set($next = \"$!input.path('$.LastEvaluatedKey.sk.S')\")\n"
    '{"items":[#foreach($item in $input.path(\'$.Items\')){"id":"'
    + _escaped("$item.sk.S")
    + '","data":$item.data.S}#if($foreach.hasNext),#end#end],"next":#if($next == "")null#else"'
    + _escaped("$next")
    + '"#end}'
)
"""Answers Query; ``next`` goes into the parameter ``after``."""
DELETED = "{}"
"""Answers DeleteItem."""


FAILED = (
    "#set($code = \"$!input.path('$.__type')$!input.path('$.Error.Code')\")\n"
    '#if($code.matches(".*(ValidationException|InvalidParameter|InvalidMessageContents).*"))'
    '#set($context.responseOverride.status = 400){"message":"Bad Request"}'
    '#elseif($code.matches(".*(Throttl|ThroughputExceeded|LimitExceeded).*"))'
    '#set($context.responseOverride.status = 503){"message":"Service Unavailable"}'
    '#else\n{"message":"Bad Gateway"}#end'
)
"""What callers get when a service refused: whose mistake it is, and nothing of what the service said."""


def for_origins(template: str, origins: Sequence[str]) -> str:
    """Return a template of an answer that pages of the named origins may read.

    The headers go by ``responseOverride``: a mapped header has one value, whatever page asks.
    """
    if not origins:
        return template
    known = " || ".join(f'$origin == "{origin}"' for origin in origins)
    return (
        '#set($origin = $input.params().header.get("Origin"))\n'
        '#if("$!origin" == "")#set($origin = $input.params().header.get("origin"))#end\n'
        f"#if({known})#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)"
        f'#set($context.responseOverride.header.Vary = "Origin")#end\n{template}'
    )
