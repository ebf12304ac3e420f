"""Records the events that functions get, and compares their keys with those of AWS's documented examples."""

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.aws.documented import documented
from tests.local.resources import function, role

REGION = "us-east-1"

# Puts each event into a queue, and answers so that whoever called goes on.
RECORDER = textwrap.dedent("""
    import json, os, urllib.request, boto3

    sqs = boto3.client("sqs")

    def handler(event, context):
        sqs.send_message(QueueUrl=os.environ["RECORDED"], MessageBody=json.dumps(event))
        if "RequestType" in event:
            answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
            body = json.dumps(answer | {"Status": "SUCCESS", "PhysicalResourceId": "made"}).encode()
            urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], data=body, method="PUT"))
        if "deliveryStreamArn" in event:
            return {"records": [{**record, "result": "Ok"} for record in event["records"]]}
        if event.get("type") == "REQUEST":
            statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
            return {"principalId": "amy", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
        if "authorizationToken" in event:
            return {"isAuthorized": True}
        if "channelNamespace" in event.get("info", {}):
            return {"events": event["events"]} if event["events"] else None
        if "triggerSource" in event:
            answer, session = event["response"], event["request"].get("session")
            if event["triggerSource"].startswith("DefineAuth"):
                done = bool(session) and session[-1]["challengeResult"]
                answer = {"challengeName": "CUSTOM_CHALLENGE", "issueTokens": done, "failAuthentication": False}
            if event["triggerSource"].startswith("CreateAuth"):
                answer = {"publicChallengeParameters": {}, "privateChallengeParameters": {"answer": "5"}}
            if event["triggerSource"].startswith("VerifyAuth"):
                answer = {"answerCorrect": True}
            return {**event, "response": answer}
        return {"statusCode": 200, "body": "recorded"}
""")


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def permission(principal: str) -> dict[str, Any]:
    properties = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": ref("Recorder"),
        "Principal": f"{principal}.amazonaws.com",
    }
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}


def mapping(source: Any, **options: Any) -> dict[str, Any]:
    properties = {"EventSourceArn": source, "FunctionName": ref("Recorder"), **options}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}


EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def recorder(*principals: str) -> dict[str, Any]:
    """A function that records its events in a queue, and permissions to invoke it."""
    return {
        "Recorded": made("SQS::Queue"),
        "Role": role(EVERYTHING),
        "Recorder": function(RECORDER, "Role", Environment={"Variables": {"RECORDED": ref("Recorded")}}),
        **{f"Permit{name.title().replace('-', '')}": permission(name) for name in principals},
    }


def made(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


# What the application or the request decides, and no service.
FREE = {
    *("Keys", "NewImage", "OldImage", "MessageAttributes", "ResourceProperties", "headers", "multiValueHeaders"),
    *("messageAttributes", "multiValueQueryStringParameters", "pathParameters", "queryStringParameters"),
    *("stageVariables", "cookies", "clientCert", "authentication", "authorizer", "payload", "requestHeaders"),
    *("userAttributes", "clientMetadata", "validationData", "privateChallengeParameters"),
}


def keys(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all keys; of lists, those of the first entry."""
    if isinstance(value, list):
        yield from keys(value[0], f"{path}[]") if value else ()
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}"
            if name not in FREE:
                yield from keys(inner, f"{path}.{name}")


def differences(event: Any, kind: str) -> list[str]:
    """How the keys differ, with "-" for what is documented only and "+" for what is made only."""
    made_of, example = set(keys(event)), set(keys(documented(kind)))
    return sorted({f"-{path}" for path in example - made_of} | {f"+{path}" for path in made_of - example})


def collected(
    cloud: LocalCloud, queue: str, kinds: Sequence[str], kind_of: Callable[[dict[str, Any]], str]
) -> dict[str, Any]:
    """Wait for an event of each kind in the queue, and return the first of each."""
    sqs = cloud.client("sqs", REGION)
    found: dict[str, Any] = {}

    def all_of_them() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            found.setdefault(kind_of(event), event)
        return found.keys() >= set(kinds)

    with suppress(AssertionError):  # what did not come fails the test that asks for it
        eventually(all_of_them, within=60, what="every kind")
    return found
