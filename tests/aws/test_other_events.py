"""Handlers that AWS calls by itself: streams, schedules, CloudFormation, rotations, functions at the edge."""

import base64
import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_cloudfront as cloudfront

from cdp_constructs.delivery._distributions import add_strip_function
from cdp_constructs.delivery._site_origin import add_page_function
from tests.aws.documented import CONTEXT, EVENTS, documented, function, refusal, run
from tests.zabbix import stand_in

ROOT = Path(__file__).parents[2]
TABLE = {"TABLE_NAME": "table"}
PAGES = "https://docs.aws.amazon.com/"

# What nobody but an application, an operator or this library's own template sends: no page of AWS has the event.
BY_INVOCATION = {
    "cdp_constructs.compute.handlers.scale_up": "the input that the template gives to a schedule or a rule",
    "cdp_constructs.data.handlers.index_reconciliation": "the input that the template gives to a schedule",
    "cdp_constructs.delivery.handlers.site_check": "the input that the template gives to a schedule",
    "cdp_constructs.iot.handlers.broadcasts": "by direct invocation",
    "cdp_constructs.workflow.handlers.answer": "by direct invocation",
    "cdp_constructs.workflow.handlers.weighted_transition": "the input that the state machine of the template gives",
    "cdp_constructs.workflow.handlers.replay": "by direct invocation",
    "stacks.iot.handlers.history": "by direct invocation",
    "stacks.serverless.handlers.announce": "the input that the workflow gives to the step",
    "stacks.serverless.handlers.ask": "the input that the workflow gives to the step",
    "stacks.serverless.handlers.checks": "the input that the workflow gives to the step",
    "stacks.serverless.handlers.price": "the input that the workflow gives to the step",
    "stacks.serverless.handlers.publish": "the input that the workflow gives to the step",
    "stacks.serverless.handlers.read": "the input that the workflow gives to the step",
    "stacks.serverless.handlers.remind": "the input that the template gives to a schedule",
    "stacks.serverless.handlers.save": "the input that the workflow gives to the step",
    "stacks.serverless.handlers.tills": "the input that the workflow gives to the step",
    "stacks.services.handlers.place_orders": "by direct invocation",
    "stacks.services.handlers.restock": "by direct invocation",
}
# What the embedded cloud makes, and no handler of this project gets.
OF_OTHERS = {
    *("alb", "appsync-events-authorizer", "appsync-events-publish", "cognito-create-auth-challenge"),
    *("cognito-custom-message", "cognito-define-auth-challenge", "cognito-pre-token-generation"),
    *("cognito-pre-token-generation-2", "cognito-verify-auth-challenge", "rest-api"),
    *("s3", "sns"),
}


def test_records_of_a_stream_are_folded() -> None:
    event = documented("kinesis")
    arrived = int(event["Records"][0]["kinesis"]["approximateArrivalTimestamp"] * 1000)
    reading = {"thing": "desk-7", "context": "tokyo", "type": "climate", "at": arrived, "temperature": 20}
    event["Records"][0]["kinesis"]["data"] = base64.b64encode(json.dumps(reading).encode()).decode()
    answer, aws = run(
        event,
        "cdp_constructs.data.handlers.speed_layer",
        {"BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}}},
        MEASURES='["temperature"]',
        RECORD_DEAD_LETTER_QUEUE_URL="rejected",
        THRESHOLDS="[]",
        TOPIC_ARN="topic",
        WINDOW_RETENTION_S="3600",
        **TABLE,
    )
    assert answer == {"batchItemFailures": []}
    assert {request["Item"]["pk"] for request in aws.requests("PutItem")} == {"THING#desk-7"}
    # The other record of the page is a text, and no reading.
    (rejected,) = aws.requests("SendMessage")
    assert documented("kinesis")["Records"][1]["kinesis"]["sequenceNumber"] in rejected["MessageBody"]


def test_log_events_on_their_way_to_s3_become_lines() -> None:
    event = documented("firehose-transformation")
    (record,) = event["records"]
    answer, _ = run(event, "cdp_constructs.data.handlers.log_lines")
    # What the page sends is a text, and no record of a subscription filter.
    assert answer["records"] == [{"recordId": record["recordId"], "data": record["data"], "result": "ProcessingFailed"}]
    events = [{"id": "1", "timestamp": 1, "message": "Hello World"}]
    sent = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["orders"]}
    body = gzip.compress(json.dumps({**sent, "logEvents": events}).encode())
    record["data"] = base64.b64encode(body).decode()
    answer, _ = run(event, "cdp_constructs.data.handlers.log_lines")
    (made,) = answer["records"]
    assert (made["result"], made["metadata"]) == ("Ok", {"partitionKeys": {"service": "orders"}})


def test_records_that_firehose_transforms_are_split() -> None:
    event = documented("firehose-transformation")
    sender = {"thing": "desk-7", "context": "tokyo", "type": "climate"}
    gathered = {**sender, "measurements": [{"at": 1, "temperature": 20}, {"at": 2, "temperature": 21}]}
    event["records"][0]["data"] = base64.b64encode(json.dumps(gathered).encode()).decode()
    answer, aws = run(
        event,
        "cdp_constructs.data.handlers.gathered_records",
        BUCKET_NAME="records",
        KEY_PREFIX="errors/measurements/",
        COLUMNS='{"thing": "string", "at": "bigint", "temperature": "double"}',
    )
    assert [one["recordId"] for one in answer["records"]] == [one["recordId"] for one in event["records"]]
    assert {one["result"] for one in answer["records"]} == {"Ok"}
    lines = base64.b64decode(answer["records"][0]["data"]).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"thing": "desk-7", "at": at, "temperature": temperature} for at, temperature in ((1, 20), (2, 21))
    ]
    assert aws.requests("PutObject") == []


def test_changes_of_a_table_are_published() -> None:
    event = documented("dynamodb")
    for record in event["Records"]:
        record["dynamodb"]["Keys"] = {"pk": {"S": "ROOM#r1"}, "sk": {"S": "MEMBER#u1"}}
        record["dynamodb"]["NewImage"] = record["dynamodb"]["Keys"] | {"user": {"S": "u1"}}
    found = {"Responses": {}, "UnprocessedKeys": {}}
    answer, aws = run(
        event,
        "stacks.chat.handlers.publisher",
        {"BatchGetItem": found, "PublishBatch": {"Successful": [], "Failed": []}},
        TOPIC_ARN="topic",
        **TABLE,
    )
    assert answer == {"batchItemFailures": []}
    entries = [entry for request in aws.requests("PublishBatch") for entry in request["PublishBatchRequestEntries"]]
    assert [json.loads(entry["Message"])["kind"] for entry in entries] == ["members", "members"]


WAREHOUSE = {
    "WORKGROUP": "warehouse",
    "DATABASE": "db",
    "TABLE": "telemetry",
    "COLUMNS": '{"thing": "varchar", "at": "bigint", "message_id": "varchar"}',
    "BUCKET": "records",
    "PREFIX": "telemetry/",
    "COPY_ROLE": "arn:aws:iam::123456789012:role/copy",
}


def test_a_schedule_loads_what_was_delivered() -> None:
    package = "cdp_constructs.data.handlers.warehouse_load"
    answers = {"ListObjectsV2": {"KeyCount": 1}, "BatchExecuteStatement": {"Id": "s1"}}
    answer, aws = run(documented("schedule"), package, answers, **WAREHOUSE)
    assert answer["statement"] == "s1"
    assert len(answer["hours"]) == 3
    assert aws.requests("BatchExecuteStatement")[0]["WorkgroupName"] == "warehouse"


def test_a_load_that_failed_is_divided() -> None:
    package = "cdp_constructs.data.handlers.warehouse_load"
    answers = {"ListObjectsV2": {"KeyCount": 1}, "BatchExecuteStatement": {"Id": "s1"}}
    _, aws = run(documented("schedule"), package, answers, **WAREHOUSE)
    (load,) = aws.requests("BatchExecuteStatement")
    described = {"SubStatements": [{"QueryString": text} for text in load["Sqls"]]}
    event = documented("redshift-data-statement")
    event["detail"]["state"] = "FAILED"
    answer, aws = run(event, package, answers | {"DescribeStatement": described}, **WAREHOUSE)
    assert answer == {"statement": event["detail"]["statementId"], "parts": 3 * ["s1"]}


def test_a_schedule_asks_whether_a_service_is_healthy() -> None:
    with function("cdp_constructs.compute.handlers.deep_health", URL="https://example.com/health") as (module, _):
        module.ask = MagicMock(return_value=(200, "ok"))
        assert module.handler(documented("schedule"), CONTEXT) == {"healthy": True, "status": 200}


def test_a_schedule_tells_zabbix_of_all_alarms() -> None:
    with (
        stand_in() as zabbix,
        function(
            "cdp_constructs.operations.handlers.zabbix",
            {"DescribeAlarms": {"MetricAlarms": [], "CompositeAlarms": []}},
            TOPIC_ARN="topic",
            ZABBIX_ADDRESS="127.0.0.1",
            ZABBIX_HOST="shop",
            ZABBIX_PORT=str(zabbix.port),
        ) as (module, _),
    ):
        assert module.handler(documented("schedule"), CONTEXT) is None
    (values,) = zabbix.packets
    assert [value["key"] for value in values] == ["cloudwatch.alarms", "cloudwatch.alarms.count"]


def answered(package: str, answers: dict[str, Any], **variables: str) -> Any:
    """What a custom resource answers to CloudFormation."""
    event = documented("custom-resource")
    event["ResourceProperties"] |= {"SecretId": "secret", "AttachmentId": "tgw-attach-1", "Region": "us-west-2"}
    with function(package, answers, **variables) as (module, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr("urllib3.PoolManager.request", request := MagicMock())
        module.handler(event, CONTEXT)
    (method, url), given = request.call_args
    assert (method, url) == ("PUT", event["ResponseURL"])
    answer = json.loads(given["body"])
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        assert answer[name] == event[name]
    return answer


def test_cloudformation_gets_the_public_key_of_web_push() -> None:
    package = "cdp_constructs.messaging.handlers.vapid_keys"
    answer = answered(package, {"GetSecretValue": {"SecretString": "random"}})
    assert answer["Status"] == "SUCCESS", answer
    assert answer["Data"]["PublicKey"].startswith("B")


def test_cloudformation_gets_the_peering_that_another_region_has_accepted() -> None:
    attachment = {"TransitGatewayPeeringAttachments": [{"State": "available"}]}
    package = "cdp_constructs.network.handlers.peering_acceptance"
    answer = answered(package, {"DescribeTransitGatewayPeeringAttachments": attachment})
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "tgw-attach-1"), answer


SIGNING_KEYS = {
    "ListKeyGroups": {"KeyGroupList": {"Items": []}},
    "ListPublicKeys": {"PublicKeyList": {}},
    "GetSecretValue": {"SecretString": "random"},
    "CreatePublicKey": {"PublicKey": {"Id": "K1"}},
    "CreateKeyGroup": {"KeyGroup": {"Id": "G1"}},
}


def test_cloudformation_gets_the_key_group() -> None:
    answer = answered("cdp_constructs.delivery.handlers.key_rotation", SIGNING_KEYS, KEY_GROUP_NAME="keys")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "G1"), answer


def test_cognito_asks_whose_an_address_is() -> None:
    event = documented("cognito-pre-sign-up")
    answer, aws = run(
        event,
        "cdp_constructs.api.handlers.account_linking",
        {"ListUsers": {"Users": []}},
        LINKS="true",
        PROVIDERS="[]",
    )
    assert answer == event
    (asked,) = aws.requests("ListUsers")
    assert asked == {"UserPoolId": event["userPoolId"], "Filter": 'email = "amy@example.com"'}


def test_a_rotation_makes_a_pending_key() -> None:
    group = {"KeyGroup": {"Id": "G1", "KeyGroupConfig": {"Name": "keys", "Items": []}}}
    event = documented("secret-rotation") | {"Step": "createSecret", "ClientRequestToken": "v1"}
    _, aws = run(
        event,
        "cdp_constructs.delivery.handlers.key_rotation",
        SIGNING_KEYS
        | {
            "ListKeyGroups": {"KeyGroupList": {"Items": [group]}},
            "GetKeyGroup": {"ETag": "e", **group},
            "DescribeSecret": {"VersionIdsToStages": {"v1": ["AWSPENDING"]}},
            "GetSecretValue": refusal("ResourceNotFoundException"),
        },
        KEY_GROUP_NAME="keys",
    )
    (written,) = aws.requests("PutSecretValue")
    assert (written["ClientRequestToken"], written["VersionStages"]) == ("v1", ["AWSPENDING"])
    assert json.loads(written["SecretString"])["key_pair_id"] == "K1"


def at_the_edge(made: cloudfront.Function, uri: str) -> str:
    """The path that a CloudFront Function makes of a request's."""
    event = documented("cloudfront-function")
    event["request"]["uri"] = uri
    resource: Any = made.node.default_child
    script = f"{resource.function_code}\nconsole.log(JSON.stringify(handler({json.dumps(event)})))"
    node = os.environ.get("JSII_NODE", "node")
    ended = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    changed = json.loads(ended.stdout)
    assert changed == event["request"] | {"uri": changed["uri"]}, "nothing else of the request is changed"
    return str(changed["uri"])


def test_functions_at_the_edge_rewrite_paths() -> None:
    stack = Stack(App(), "Stack")
    pages = add_page_function(stack, single_page=False)
    assert at_the_edge(pages, "/media/index.mpd") == "/media/index.mpd"
    assert at_the_edge(pages, "/media/") == "/media/index.html"
    assert at_the_edge(add_strip_function(stack, "/media"), "/media/index.mpd") == "/index.mpd"


def test_every_handler_and_every_event_is_here() -> None:
    files = [*ROOT.glob("cdp_constructs/*/handlers/*/index.py"), *ROOT.glob("stacks/*/handlers/*/index.py")]
    packages = {".".join(file.parent.relative_to(ROOT).parts) for file in files}
    tests = "".join(file.read_text() for file in [*Path(__file__).parent.glob("*.py")])
    assert {name for name in packages if f'"{name}"' not in tests} == set()
    assert BY_INVOCATION.keys() <= packages
    names = {file.stem for file in EVENTS.glob("*.json")}
    # That of HTTP APIs is written into requests by a function of its own.
    assert {name for name in names - OF_OTHERS - {"http-api"} if f'"{name}"' not in tests} == set()
    for file in EVENTS.glob("*.json"):
        assert json.loads(file.read_text())["page"].startswith(PAGES), file
