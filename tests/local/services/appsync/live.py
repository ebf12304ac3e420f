"""An AppSync Events API whose namespaces have functions, and clients that publish and subscribe."""

import json
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdp_constructs.local import LocalCloud
from tests.realtime.appsync_client import connected

HOME, REGION = "eu-west-1", "us-west-2"
API = {"Fn::GetAtt": ["Api", "ApiId"]}


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


def live_template(pool: str, client: str) -> dict[str, Any]:
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
