"""Sends what an entry says to a resource, in the way of its type, and returns what was answered."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import httpx
import psycopg
import valkey
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from psycopg.conninfo import make_conninfo
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tools.foreign.listed import Entry
from tools.foreign.places import Place, of_type

__all__ = ["Answer", "send"]

_SECONDS = 30


class Answer(NamedTuple):
    """What a resource answers at once; no status when it is not asked over HTTP."""

    status: int | None
    text: str


def _headers(place: Place, entry: Entry, url: str, body: bytes) -> dict[str, str]:
    if not entry.signed:
        return dict(entry.headers)
    request = AWSRequest(entry.method, url, headers=dict(entry.headers), data=body)
    key = place.client("sts").get_session_token()["Credentials"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
    SigV4Auth(credentials, "execute-api", place.region).add_auth(request)
    return dict(request.headers)


def _request(place: Place, entry: Entry, base: str) -> Answer:
    url = f"{base}{entry.path}"
    headers = _headers(place, entry, url, entry.send.encode())
    with httpx.Client(timeout=_SECONDS, trust_env=False) as client:
        request = client.build_request(entry.method, url, headers=headers, content=entry.send.encode() or None)
        for name in [name for name, value in entry.headers.items() if not value]:
            del request.headers[name]  # an empty one in the list stands for a client that does not send it
        answer = client.send(request)
    return Answer(answer.status_code, answer.text)


def _rest_api(place: Place, entry: Entry) -> Answer:
    stage = place.client("apigateway").get_stages(restApiId=place.physical_id)["item"][0]["stageName"]
    return _request(place, entry, f"{place.cloud.endpoint}/_aws/execute-api/{place.physical_id}/{stage}")


def _http_or_web_socket_api(place: Place, entry: Entry) -> Answer:
    client = place.client("apigatewayv2")
    stage = client.get_stages(ApiId=place.physical_id)["Items"][0]["StageName"]
    url = f"{place.cloud.endpoint}/_aws/execute-api/{place.physical_id}/{stage}"
    if client.get_api(ApiId=place.physical_id)["ProtocolType"] == "HTTP":
        return _request(place, entry, url)
    headers = _headers(place, entry, url, b"")
    headers.pop("Host", None)
    try:
        with connect(url.replace("http", "ws", 1), additional_headers=headers, proxy=None) as channel:
            channel.send(entry.send)
    except InvalidStatus as refused:
        return Answer(refused.response.status_code, (refused.response.body or b"").decode())
    return Answer(101, "")


def _listener(place: Place, entry: Entry) -> Answer:
    return _request(place, entry, place.cloud.listener_url(place.physical_id))


def _distribution(place: Place, entry: Entry) -> Answer:
    described = place.client("cloudfront").get_distribution(Id=place.physical_id)
    return _request(place, entry, place.cloud.distribution_url(described["Distribution"]["DomainName"]))


def _function(place: Place, entry: Entry) -> Answer:
    answer = place.client("lambda").invoke(FunctionName=place.physical_id, Payload=entry.send or "{}")
    return Answer(None, answer["Payload"].read().decode())


def _attributes(entry: Entry) -> dict[str, Any]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in entry.attributes.items()}


def _queue(place: Place, entry: Entry) -> Answer:
    order = {"MessageGroupId": "a", "MessageDeduplicationId": uuid.uuid4().hex}
    place.client("sqs").send_message(
        QueueUrl=place.physical_id,
        MessageBody=entry.send,
        MessageAttributes=_attributes(entry),
        **(order if place.physical_id.endswith(".fifo") else {}),
    )
    return Answer(None, "")


def _topic(place: Place, entry: Entry) -> Answer:
    order = {"MessageGroupId": "a", "MessageDeduplicationId": uuid.uuid4().hex}
    place.client("sns").publish(
        TopicArn=place.physical_id,
        Message=entry.send,
        MessageAttributes=_attributes(entry),
        **(order if place.physical_id.endswith(".fifo") else {}),
    )
    return Answer(None, "")


def _event_bus(place: Place, entry: Entry) -> Answer:
    event = {"Source": entry.attributes["source"], "DetailType": "listed", "Detail": entry.send}
    answer = place.client("events").put_events(Entries=[event | {"EventBusName": place.physical_id}])
    return Answer(None, json.dumps(answer["Entries"]))


def _rule(place: Place, _entry: Entry) -> Answer:
    place.cloud.fire_schedule(place.physical_id.rpartition("|")[2], place.region)
    return Answer(None, "")


def _topic_rule(place: Place, entry: Entry) -> Answer:
    place.client("iot-data").publish(topic=entry.path, payload=entry.send.encode())
    return Answer(None, "")


def _stream(place: Place, entry: Entry) -> Answer:
    place.client("kinesis").put_record(StreamName=place.physical_id, Data=entry.send.encode(), PartitionKey="a")
    return Answer(None, "")


def _delivery_stream(place: Place, entry: Entry) -> Answer:
    record = {"Data": entry.send.encode()}
    place.client("firehose").put_record(DeliveryStreamName=place.physical_id, Record=record)
    return Answer(None, "")


def _bucket(place: Place, entry: Entry) -> Answer:
    key = entry.path.removeprefix("/") or "listed.txt"
    place.client("s3").put_object(Bucket=place.physical_id, Key=key, Body=entry.send.encode())
    return Answer(None, "")


def _table(place: Place, entry: Entry) -> Answer:
    place.client("dynamodb").put_item(TableName=place.physical_id, Item=json.loads(entry.send))
    return Answer(None, "")


def _state_machine(place: Place, entry: Entry) -> Answer:
    place.client("stepfunctions").start_execution(stateMachineArn=place.physical_id, input=entry.send or "{}")
    return Answer(None, "")


def _database(place: Place, entry: Entry) -> Answer:
    """Run a statement as the master user, whose secret was deployed with the database, or whose password is known."""
    rds = place.client("rds")
    if place.resource_type.endswith("DBCluster"):
        [found] = rds.describe_db_clusters(DBClusterIdentifier=place.physical_id)["DBClusters"]
        host, port = found["Endpoint"], found["Port"]
    else:
        [found] = rds.describe_db_instances(DBInstanceIdentifier=place.physical_id)["DBInstances"]
        host, port = found["Endpoint"]["Address"], found["Endpoint"]["Port"]
    secret = next((each for each in _secrets(place) if each.get("host", host) == host), None) or _password(place)
    login = make_conninfo(user=secret["username"], password=secret["password"], dbname="postgres")
    with (
        place.cloud.open_databases(),
        psycopg.connect(login, host=host, port=port, sslmode="require", connect_timeout=_SECONDS) as connection,
    ):
        row = connection.execute(entry.send.encode()).fetchone()
    return Answer(None, json.dumps(row))


def _secrets(place: Place) -> Iterator[dict[str, str]]:
    for each in of_type(place, "AWS::SecretsManager::Secret"):
        text = each.client("secretsmanager").get_secret_value(SecretId=each.physical_id)["SecretString"]
        if text.startswith("{"):
            yield json.loads(text)


def _password(place: Place) -> dict[str, str]:
    for stack in place.deployment.stacks:
        for item in stack.resources:
            if item.physical_id == place.physical_id:
                properties = stack.artifact.template()["Resources"][item.logical_id]["Properties"]
                return {"username": properties["MasterUsername"], "password": properties["MasterUserPassword"]}
    raise KeyError(place.physical_id)


def _cache(place: Place, entry: Entry) -> Answer:
    """Send a command as the user whose name and password are the attributes, if there are any."""
    [found] = place.client("elasticache").describe_serverless_caches(ServerlessCacheName=place.physical_id)[
        "ServerlessCaches"
    ]
    with (
        place.cloud.open_databases(),
        closing(
            valkey.Valkey(
                found["Endpoint"]["Address"],
                found["Endpoint"]["Port"],
                username=entry.attributes.get("username"),
                password=entry.attributes.get("password"),
                socket_timeout=_SECONDS,
                ssl=True,  # as every serverless cache has it
                ssl_ca_data=place.cloud.cache_certificate_authority(),
            )
        ) as client,
    ):
        answer = client.execute_command(*entry.send.split())  # type: ignore[no-untyped-call]  # valkey has none there
    return Answer(None, json.dumps(answer.decode() if isinstance(answer, bytes) else answer))


_SENDERS: dict[str, Callable[[Place, Entry], Answer]] = {
    "AWS::ApiGateway::RestApi": _rest_api,
    "AWS::ApiGatewayV2::Api": _http_or_web_socket_api,
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::DynamoDB::Table": _table,
    "AWS::ElastiCache::ServerlessCache": _cache,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::Events::EventBus": _event_bus,
    "AWS::Events::Rule": _rule,
    "AWS::IoT::TopicRule": _topic_rule,
    "AWS::Kinesis::Stream": _stream,
    "AWS::KinesisFirehose::DeliveryStream": _delivery_stream,
    "AWS::Lambda::Function": _function,
    "AWS::RDS::DBCluster": _database,
    "AWS::RDS::DBInstance": _database,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::StepFunctions::StateMachine": _state_machine,
}


def send(place: Place, entry: Entry) -> Answer:
    """Send what the entry says to its resource."""
    return _SENDERS[place.resource_type](place, entry)
