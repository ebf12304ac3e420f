"""AppSync Events: IAM principals who connect and subscribe over a WebSocket."""

import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdp_constructs.local import LocalCloud
from tests.local.services.appsync.live import API, REGION
from tests.realtime.appsync_client import RefusedError, connected

SIGNED = [{"AuthType": "AWS_IAM"}]
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Api": {
            "Type": "AWS::AppSync::Api",
            "Properties": {
                "Name": "signed",
                "EventConfig": {
                    "AuthProviders": SIGNED,
                    "ConnectionAuthModes": SIGNED,
                    "DefaultPublishAuthModes": SIGNED,
                    "DefaultSubscribeAuthModes": SIGNED,
                },
            },
        },
        **{
            name: {"Type": "AWS::AppSync::ChannelNamespace", "Properties": {"ApiId": API, "Name": name.lower()}}
            for name in ("Open", "Closed")
        },
    },
    "Outputs": {
        "Arn": {"Value": {"Ref": "Api"}},
        "Open": {"Value": {"Ref": "Open"}},
        "Http": {"Value": {"Fn::GetAtt": ["Api", "Dns.Http"]}},
        "Realtime": {"Value": {"Fn::GetAtt": ["Api", "Dns.Realtime"]}},
    },
}


@pytest.fixture(scope="module")
def api(stacks: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(TEMPLATE, region=REGION)
    return outputs


@pytest.fixture(scope="module")
def key(cloud: LocalCloud, api: dict[str, str]) -> Credentials:
    """The key of a user who may connect, and subscribe to one of two namespaces."""
    iam = cloud.client("iam")
    iam.create_user(UserName="listener")
    statements = [
        {"Effect": "Allow", "Action": "appsync:EventConnect", "Resource": api["Arn"]},
        {"Effect": "Allow", "Action": "appsync:EventSubscribe", "Resource": api["Open"]},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName="listener", PolicyName="own", PolicyDocument=document)
    made = iam.create_access_key(UserName="listener")["AccessKey"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"])


def signed(api: dict[str, str], key: Credentials, document: dict[str, str], region: str = REGION) -> dict[str, str]:
    """Sign as browsers do: the request that would be sent by HTTP."""
    body = json.dumps(document, separators=(",", ":"))
    headers = {"host": api["Http"], "content-type": "application/json; charset=UTF-8"}
    request = AWSRequest("POST", f"https://{api['Http']}/event", data=body, headers=headers)
    SigV4Auth(key, "appsync", region).add_auth(request)
    return {name if name == "Authorization" else name.lower(): value for name, value in request.headers.items()}


def test_who_may_connect_and_subscribe_does(cloud: LocalCloud, api: dict[str, str], key: Credentials) -> None:
    with connected(cloud.endpoint, f"wss://{api['Realtime']}/event/realtime", signed(api, key, {})) as client:
        answers = {}
        for channel in ("/open/one", "/closed/one"):
            client.authorization = signed(api, key, {"channel": channel})
            answers[channel] = client.subscribe(channel)["type"]
        assert answers == {"/open/one": "subscribe_success", "/closed/one": "subscribe_error"}
        # What was signed for another channel, or to connect, is not for this one.
        for document in ({"channel": "/open/two"}, {}):
            client.authorization = signed(api, key, document)
            assert client.subscribe("/open/one")["type"] == "subscribe_error"
        client.authorization = signed(api, key, {"channel": "/open/one"})
        assert client.publish("/open/one", "hello")["type"] == "publish_error"


def test_a_signature_that_does_not_verify_does_not_connect(
    cloud: LocalCloud, api: dict[str, str], key: Credentials
) -> None:
    good = signed(api, key, {})
    head, _, signature = good["Authorization"].rpartition("=")
    refused = {
        "zeros": {**good, "Authorization": f"{head}={'0' * len(signature)}"},
        "other body": signed(api, key, {"channel": "/open/one"}),
        "other secret": signed(api, Credentials(key.access_key, "guessed"), {}),
        "other Region": signed(api, key, {}, region="eu-west-1"),
        "not a signature": {**good, "Authorization": "AWS4-HMAC-SHA256 nothing"},
    }
    for authorization in refused.values():
        with (
            pytest.raises(RefusedError),
            connected(cloud.endpoint, f"wss://{api['Realtime']}/event/realtime", authorization),
        ):
            pass
