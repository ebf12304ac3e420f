"""AppSync Events: who may connect, subscribe and publish, and what the functions of a namespace say about it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdp_constructs.local import LocalCloud
from tests.realtime.appsync_client import RefusedError, connected

HOME, REGION = "eu-west-1", "us-west-2"

BY_KEY = [{"AuthType": "API_KEY"}]
API = {"Fn::GetAtt": ["Api", "ApiId"]}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Api": {
            "Type": "AWS::AppSync::Api",
            "Properties": {
                "Name": "live",
                "EventConfig": {
                    "AuthProviders": BY_KEY,
                    "ConnectionAuthModes": BY_KEY,
                    "DefaultPublishAuthModes": BY_KEY,
                    "DefaultSubscribeAuthModes": BY_KEY,
                },
                "Tags": [{"Key": "use", "Value": "chat"}],
            },
        },
        "Rooms": {"Type": "AWS::AppSync::ChannelNamespace", "Properties": {"ApiId": API, "Name": "rooms"}},
        "Key": {"Type": "AWS::AppSync::ApiKey", "Properties": {"ApiId": API}},
    },
    "Outputs": {
        "ApiId": {"Value": API},
        "Arn": {"Value": {"Ref": "Api"}},
        "Rooms": {"Value": {"Ref": "Rooms"}},
        "Http": {"Value": {"Fn::GetAtt": ["Api", "Dns.Http"]}},
        "Realtime": {"Value": {"Fn::GetAtt": ["Api", "Dns.Realtime"]}},
        "Key": {"Value": {"Fn::GetAtt": ["Key", "ApiKey"]}},
    },
}


def test_events_are_taken_by_key_only(cloud: LocalCloud, stacks: Any) -> None:
    outputs = stacks.deploy(TEMPLATE, name="live")
    assert outputs["Rooms"] == f"{outputs['Arn']}/channelNamespace/rooms"
    assert ".appsync-realtime-api." in outputs["Realtime"]

    def publish(channel: str, **headers: str) -> httpx.Response:
        body = {"channel": channel, "events": [json.dumps({"text": "hello"})]}
        return httpx.post(f"{cloud.endpoint}/event", headers={"Host": outputs["Http"], **headers}, json=body)

    taken = publish("/rooms/one", **{"x-api-key": outputs["Key"]})
    assert taken.status_code == 200
    assert len(taken.json()["successful"]) == 1
    assert publish("/rooms/one").status_code in {401, 403}
    assert publish("/elsewhere/one", **{"x-api-key": outputs["Key"]}).status_code >= 400

    appsync = cloud.client("appsync")
    assert appsync.get_api(apiId=outputs["ApiId"])["api"]["tags"]["use"] == "chat"
    stacks.delete("live")
    assert outputs["ApiId"] not in [api["apiId"] for api in appsync.list_apis()["apis"]]


# Refuses to let anybody subscribe to what ends in "secret", and publishes only what says so, in capitals.
HANDLER = """
def handler(event, context):
    info = event["info"]
    if info["operation"] == "SUBSCRIBE":
        if info["channel"]["segments"][-1] == "broken":
            raise ValueError("out of order")
        if event["identity"]["username"] not in info["channel"]["path"]:
            return {"error": "not yours"}
        return None
    assert event["identity"] is None and info["channelNamespace"] == {"name": "rooms"}
    def answer(one):
        if one["payload"] == "fail":
            return {"id": one["id"], "error": "failed"}
        return {"id": one["id"], "payload": one["payload"].upper()}
    return {"events": [answer(one) for one in event["events"] if one["payload"] != "drop"]}
"""
USERS = {
    "Resources": {
        **{name: {"Type": "AWS::Cognito::UserPool", "Properties": {}} for name in ("Users", "Strangers")},
        **{
            f"{name}Client": {
                "Type": "AWS::Cognito::UserPoolClient",
                "Properties": {"UserPoolId": {"Ref": name}, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]},
            }
            for name in ("Users", "Strangers")
        },
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Users", "UsersClient", "Strangers", "StrangersClient")},
}


def _role(service: str, *statements: dict[str, Any]) -> dict[str, Any]:
    principal = {"AWS": "*"} if service == "anybody" else {"Service": service}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    policies = [{"PolicyName": "own", "PolicyDocument": {"Statement": list(statements)}}] if statements else []
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}, "Policies": policies},
    }


def _allow(action: str, resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _source(role: str) -> dict[str, Any]:
    return {
        "Type": "AWS::AppSync::DataSource",
        "Properties": {
            "ApiId": API,
            "Name": role,
            "Type": "AWS_LAMBDA",
            "LambdaConfig": {"LambdaFunctionArn": {"Fn::GetAtt": ["Handler", "Arn"]}},
            "ServiceRoleArn": {"Fn::GetAtt": [role, "Arn"]},
        },
    }


def _namespace(name: str, source: str, *operations: str) -> dict[str, Any]:
    handler = {
        "Behavior": "DIRECT",
        "Integration": {"DataSourceName": source, "LambdaConfig": {"InvokeType": "REQUEST_RESPONSE"}},
    }
    return {
        "Type": "AWS::AppSync::ChannelNamespace",
        "DependsOn": f"{source}Source",
        "Properties": {"ApiId": API, "Name": name, "HandlerConfigs": dict.fromkeys(operations, handler)},
    }


def _live_template(pool: str, client: str) -> dict[str, Any]:
    users, roles = [{"AuthType": "AMAZON_COGNITO_USER_POOLS"}], [{"AuthType": "AWS_IAM"}]
    return {
        "Resources": {
            "Api": {
                "Type": "AWS::AppSync::Api",
                "Properties": {
                    "Name": "live",
                    "EventConfig": {
                        "AuthProviders": [
                            {
                                **users[0],
                                "CognitoConfig": {
                                    "AwsRegion": HOME,
                                    "UserPoolId": pool,
                                    "AppIdClientRegex": f"^({client})$",
                                },
                            },
                            *roles,
                        ],
                        "ConnectionAuthModes": users,
                        "DefaultSubscribeAuthModes": users,
                        "DefaultPublishAuthModes": roles,
                    },
                },
            },
            "FunctionRole": _role("lambda.amazonaws.com"),
            "Handler": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.14",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["FunctionRole", "Arn"]},
                    "Code": {"ZipFile": HANDLER},
                },
            },
            "Calling": _role(
                "appsync.amazonaws.com", _allow("lambda:InvokeFunction", {"Fn::GetAtt": ["Handler", "Arn"]})
            ),
            "Powerless": _role("appsync.amazonaws.com"),
            "CallingSource": _source("Calling"),
            "PowerlessSource": _source("Powerless"),
            "Rooms": _namespace("rooms", "Calling", "OnSubscribe", "OnPublish"),
            "Forbidden": _namespace("forbidden", "Powerless", "OnSubscribe"),
            "Plain": {"Type": "AWS::AppSync::ChannelNamespace", "Properties": {"ApiId": API, "Name": "plain"}},
            "Publisher": _role(
                "anybody",
                _allow("appsync:EventPublish", {"Fn::GetAtt": ["Rooms", "ChannelNamespaceArn"]}),
                _allow("appsync:EventPublish", {"Fn::GetAtt": ["Plain", "ChannelNamespaceArn"]}),
            ),
            "Stranger": _role("anybody", _allow("appsync:EventPublish", "arn:aws:appsync:*:*:apis/other/*")),
        },
        "Outputs": {
            "Http": {"Value": {"Fn::GetAtt": ["Api", "Dns.Http"]}},
            "Realtime": {"Value": {"Fn::GetAtt": ["Api", "Dns.Realtime"]}},
            **{name: {"Value": {"Fn::GetAtt": [name, "Arn"]}} for name in ("Publisher", "Stranger")},
        },
    }


class Live:
    """An API whose users are in another Region."""

    def __init__(self, cloud: LocalCloud, users: dict[str, str], outputs: dict[str, str]) -> None:
        self.cloud = cloud
        self.users = users
        self.outputs = outputs

    def authorization(self, user: str, pool: str = "Users", use: str = "AccessToken") -> dict[str, str]:
        idp = self.cloud.client("cognito-idp", HOME)
        name = {"UserPoolId": self.users[pool], "Username": user}
        if user not in [known["Username"] for known in idp.list_users(UserPoolId=self.users[pool])["Users"]]:
            idp.admin_create_user(**name)
            idp.admin_set_user_password(**name, Password="Correct-horse-9", Permanent=True)
        answer = idp.initiate_auth(
            ClientId=self.users[f"{pool}Client"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": "Correct-horse-9"},
        )
        return {"host": self.outputs["Http"], "Authorization": answer["AuthenticationResult"][use]}

    def connected(self, authorization: dict[str, str]) -> Any:
        return connected(self.cloud.endpoint, f"wss://{self.outputs['Realtime']}/event/realtime", authorization)

    def publish(self, role: str, channel: str, *events: str) -> httpx.Response:
        sts = self.cloud.client("sts", REGION)
        answer = sts.assume_role(RoleArn=self.outputs[role], RoleSessionName="test")["Credentials"]
        key = Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
        body = json.dumps({"channel": channel, "events": [json.dumps(event) for event in events]})
        headers = {"Host": self.outputs["Http"], "Content-Type": "application/json"}
        request = AWSRequest("POST", f"https://{self.outputs['Http']}/event", data=body, headers=headers)
        SigV4Auth(key, "appsync", REGION).add_auth(request)
        return httpx.post(f"{self.cloud.endpoint}/event", content=body, headers=dict(request.headers), timeout=30)


@pytest.fixture(scope="module")
def live(cloud: LocalCloud, stacks: Any) -> Live:
    users = stacks.deploy(USERS, region=HOME)
    template = _live_template(users["Users"], users["UsersClient"])
    return Live(cloud, users, stacks.deploy(template, region=REGION))


def test_access_and_id_tokens_of_the_own_pool_connect(live: Live) -> None:
    for use in ("AccessToken", "IdToken"):
        with live.connected(live.authorization("amy", use=use)):
            pass


def test_other_tokens_do_not_connect(live: Live) -> None:
    good = live.authorization("amy")
    head, payload, signature = good["Authorization"].split(".")
    refused = [
        {**good, "Authorization": f"{head}.{payload}.{signature[:-6]}AAAAAA"},
        {**good, "Authorization": "nonsense"},
        {"host": good["host"]},
        live.authorization("amy", "Strangers"),
        {**good, "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/appsync/aws4_request"},
    ]
    for authorization in refused:
        with pytest.raises(RefusedError, match=r"Unauthorized|4401"), live.connected(authorization):
            pass


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("/rooms/bob", "not yours"),
        ("/rooms/*", "not yours"),
        ("/rooms/amy/broken", "out of order"),
        ("/forbidden/amy", "may not invoke"),
    ],
)
def test_the_subscribe_handler_refuses(live: Live, channel: str, message: str) -> None:
    with live.connected(live.authorization("amy")) as client:
        answer = client.subscribe(channel)
        assert answer["type"] == "subscribe_error"
        assert message in answer["errors"][0]["message"]


def test_the_publish_handler_changes_drops_and_refuses_events(live: Live) -> None:
    with live.connected(live.authorization("amy")) as client:
        assert client.subscribe("rooms/amy")["type"] == "subscribe_success"
        answer = live.publish("Publisher", "/rooms/amy", "hello", "drop", "fail", "bye").json()
        assert [(item["index"], item["errorMessage"]) for item in answer["failed"]] == [(2, "failed")]
        assert [item["index"] for item in answer["successful"]] == [0, 3]
        assert [client.event(), client.event()] == ["HELLO", "BYE"]


def test_publishing_takes_a_role_that_may(live: Live) -> None:
    assert live.publish("Publisher", "/plain/one", "hello").status_code == 200
    assert live.publish("Publisher", "/forbidden/one", "hello").status_code in {401, 403}
    assert live.publish("Stranger", "/plain/one", "hello").status_code in {401, 403}
    with live.connected(live.authorization("amy")) as client:
        assert client.publish("/plain/one", "hello")["type"] == "publish_error"


def test_a_signature_over_a_web_socket_is_not_taken_at_its_word(live: Live) -> None:
    with live.connected(live.authorization("amy")) as client:
        client.authorization = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/appsync/aws4_request"
        }
        assert client.publish("/plain/one", "hello")["type"] == "publish_error"


def test_a_fault_meets_what_is_published_in_its_region(live: Live, cloud: LocalCloud) -> None:
    with cloud.inject_fault("appsync", REGION, error="ServiceUnavailable"):
        assert live.publish("Publisher", "/plain/one", "hello").status_code == 503
    with cloud.inject_fault("appsync", HOME, error="ServiceUnavailable"):
        assert live.publish("Publisher", "/plain/one", "hello").status_code == 200


def test_two_hundred_clients_are_served_quickly(live: Live) -> None:
    authorization = live.authorization("amy")
    with ExitStack() as stack:
        with ThreadPoolExecutor(16) as pool:
            clients = list(pool.map(lambda _: stack.enter_context(live.connected(authorization)), range(200)))
            assert {client.subscribe("/plain/one")["type"] for client in clients} == {"subscribe_success"}
        started = time.monotonic()
        for number in range(20):
            assert (
                live.publish("Publisher", "/plain/one", *[f"{number}.{part}" for part in range(5)]).status_code == 200
            )
        for client in clients:
            assert [client.event() for _ in range(100)] == [f"{n}.{part}" for n in range(20) for part in range(5)]
        # 20,000 deliveries; less than 4 s on two busy cores.
        assert time.monotonic() - started < 60
