"""Events of whoever waits for the function's answer have the keys of AWS's documented examples."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from cdp_constructs.local import LocalCloud
from tests.local.conftest import Stacks
from tests.local.recorded_events import EVERYTHING, REGION, collected, differences, made, recorder, ref
from tests.local.resources import arn, load_balancer, role
from tests.local.services.cognito.pools import PASSWORD
from tests.realtime.appsync_client import connected

SOCKETS, EVENTS = ref("SocketApi"), {"Fn::GetAtt": ["EventApi", "ApiId"]}
INVOCATION = {
    "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Recorder.Arn}/invocations"
}
BY_FUNCTION = [{"AuthType": "AWS_LAMBDA"}]
METADATA = {"any": "thing"}
HANDLER = {
    "Behavior": "DIRECT",
    "Integration": {"DataSourceName": "Recorder", "LambdaConfig": {"InvokeType": "REQUEST_RESPONSE"}},
}
TRIGGERS = (
    *("PreSignUp", "CustomMessage", "DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"),
)


def pool(name: str, **triggers: Any) -> dict[str, Any]:
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH"]
    return {
        name: made("Cognito::UserPool", LambdaConfig=triggers, AutoVerifiedAttributes=["email"]),
        f"{name}Client": made("Cognito::UserPoolClient", UserPoolId=ref(name), ExplicitAuthFlows=flows),
    }


def route(key: str, **options: Any) -> dict[str, Any]:
    target = {"Fn::Sub": "integrations/${SocketIntegration}"}
    return made("ApiGatewayV2::Route", ApiId=SOCKETS, RouteKey=key, Target=target, **options)


RESOURCES: dict[str, Any] = {
    **recorder("apigateway", "elasticloadbalancing", "appsync", "cognito-idp"),
    "SocketApi": made(
        "ApiGatewayV2::Api",
        Name="sockets",
        ProtocolType="WEBSOCKET",
        RouteSelectionExpression="$request.body.action",
    ),
    "SocketIntegration": made(
        "ApiGatewayV2::Integration", ApiId=SOCKETS, IntegrationType="AWS_PROXY", IntegrationUri=INVOCATION
    ),
    "Authorizer": made(
        "ApiGatewayV2::Authorizer",
        ApiId=SOCKETS,
        Name="by-token",
        AuthorizerType="REQUEST",
        AuthorizerUri=INVOCATION,
        IdentitySource=["route.request.querystring.token"],
    ),
    "Connect": route("$connect", AuthorizationType="CUSTOM", AuthorizerId=ref("Authorizer")),
    "Message": route("$default"),
    "Disconnect": route("$disconnect"),
    "SocketStage": made("ApiGatewayV2::Stage", ApiId=SOCKETS, StageName="live", AutoDeploy=True),
    "Targets": made("ElasticLoadBalancingV2::TargetGroup", TargetType="lambda", Targets=[{"Id": arn("Recorder")}])
    | {"DependsOn": "PermitElasticloadbalancing"},
    **load_balancer("Targets"),
    "EventApi": made(
        "AppSync::Api",
        Name="events",
        EventConfig={
            "AuthProviders": [{**BY_FUNCTION[0], "LambdaAuthorizerConfig": {"AuthorizerUri": arn("Recorder")}}],
            "ConnectionAuthModes": BY_FUNCTION,
            "DefaultSubscribeAuthModes": BY_FUNCTION,
            "DefaultPublishAuthModes": BY_FUNCTION,
        },
    ),
    "SourceRole": role(EVERYTHING, service="appsync"),
    "Source": made(
        "AppSync::DataSource",
        ApiId=EVENTS,
        Name="Recorder",
        Type="AWS_LAMBDA",
        LambdaConfig={"LambdaFunctionArn": arn("Recorder")},
        ServiceRoleArn=arn("SourceRole"),
    ),
    "Rooms": made(
        "AppSync::ChannelNamespace",
        ApiId=EVENTS,
        Name="rooms",
        HandlerConfigs=dict.fromkeys(("OnPublish", "OnSubscribe"), HANDLER),
    )
    | {"DependsOn": "Source"},
    **pool("Pool", **dict.fromkeys((*TRIGGERS, "PreTokenGeneration"), arn("Recorder"))),
    **pool(
        "Scoped",
        PreTokenGenerationConfig={"LambdaArn": arn("Recorder"), "LambdaVersion": "V2_0"},
    ),
}
OUTPUTS = {
    **{name: ref(name) for name in ("Recorded", "SocketApi", "Pool", "PoolClient", "Scoped", "ScopedClient")},
    "Balancer": {"Fn::GetAtt": ["Balancer", "DNSName"]},
    "Http": {"Fn::GetAtt": ["EventApi", "Dns.Http"]},
    "Realtime": {"Fn::GetAtt": ["EventApi", "Dns.Realtime"]},
}
KINDS = (
    *("web-socket-authorizer", "web-socket-connect", "web-socket-message", "web-socket-disconnect", "alb"),
    *("appsync-events-authorizer", "appsync-events-publish", "appsync-events-subscription"),
    *("cognito-pre-sign-up", "cognito-pre-token-generation", "cognito-pre-token-generation-2"),
    *("cognito-custom-message", "cognito-define-auth-challenge", "cognito-create-auth-challenge"),
    "cognito-verify-auth-challenge",
)
STATED: Mapping[str, set[str]] = {
    # The page is of handlers in JavaScript; functions get these, too, as the page of direct integrations has it.
    "appsync-events-subscription": {
        *("+.outErrors", "+.prev"),
        # Of users of a pool; who is here is authorized by a function.
        *(f"-.identity.{name}" for name in ("claims", "defaultAuthStrategy", "issuer", "sourceIp", "sub", "username")),
    },
    # What `InitiateAuth` has of it is not for this function; refreshes and answers to challenges have it.
    "cognito-pre-token-generation": {"-.request.clientMetadata"},
    "cognito-pre-token-generation-2": {"-.request.clientMetadata"},
    # Nothing was asked before the first challenge.
    "cognito-create-auth-challenge": {
        f"-.request.session[].{name}" for name in ("challengeMetadata", "challengeName", "challengeResult")
    },
}
"""Differences, with "-" for what is documented only and "+" for what is made only."""


def kind_of(event: dict[str, Any]) -> str:
    """Which documented event this is one of."""
    if "triggerSource" in event:
        names = {
            "PreSignUp": "pre-sign-up",
            "TokenGeneration": "pre-token-generation",
            "CustomMessage": "custom-message",
            "DefineAuthChallenge": "define-auth-challenge",
            "CreateAuthChallenge": "create-auth-challenge",
            "VerifyAuthChallengeResponse": "verify-auth-challenge",
        }
        if event["triggerSource"].startswith("DefineAuth") and not event["request"]["session"]:
            return "cognito-define-auth-challenge-first"
        version = "" if event["version"] == "1" else f"-{event['version']}"
        return f"cognito-{names[event['triggerSource'].partition('_')[0]]}{version}"
    if "info" in event:
        return "appsync-events-publish" if event["info"]["operation"] == "PUBLISH" else "appsync-events-subscription"
    if "authorizationToken" in event:
        # Connections have neither channel nor namespace.
        return "appsync-events-authorizer" if event["requestContext"]["channel"] else "appsync-events-connection"
    request = event["requestContext"]
    if "elb" in request:
        return "alb"
    return "web-socket-authorizer" if "type" in event else f"web-socket-{request['eventType'].lower()}"


def send_to_user_pools(cloud: LocalCloud, outputs: Mapping[str, str]) -> None:
    cognito = cloud.client("cognito-idp", REGION)
    for name in ("Pool", "Scoped"):
        client, user = outputs[f"{name}Client"], {"UserPoolId": outputs[name], "Username": "amy"}
        address = [{"Name": "email", "Value": "amy@shop.example"}]
        cognito.sign_up(
            ClientId=client,
            Username="amy",
            Password=PASSWORD,
            UserAttributes=address,
            ValidationData=[{"Name": "invitation", "Value": "abc"}],
            ClientMetadata=METADATA,
        )
        cognito.admin_confirm_sign_up(**user)
        cognito.admin_update_user_attributes(
            **user, UserAttributes=[{"Name": "email_verified", "Value": "true"}, *address]
        )
        cognito.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "amy", "PASSWORD": PASSWORD},
            ClientMetadata=METADATA,
        )
    bob = {"UserPoolId": outputs["Pool"], "Username": "bob", "ClientMetadata": METADATA}
    cognito.admin_create_user(**bob, UserAttributes=[{"Name": "email", "Value": "bob@shop.example"}])
    client = outputs["PoolClient"]
    started = cognito.initiate_auth(ClientId=client, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": "amy"})
    cognito.respond_to_auth_challenge(
        ClientId=client,
        ChallengeName=started["ChallengeName"],
        Session=started["Session"],
        ChallengeResponses={"USERNAME": "amy", "ANSWER": "5"},
    )


def send(cloud: LocalCloud, outputs: Mapping[str, str]) -> None:
    """Make a request of each kind."""
    url = f"{cloud.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{outputs['SocketApi']}/live?token=abc"
    with connect(url, user_agent_header=None) as connection:
        connection.send("hello")
        assert connection.recv(20) == "recorded"
    headers = {"Host": outputs["Balancer"]}
    assert httpx.get(f"{cloud.endpoint}/lambda?query=1", headers=headers, timeout=20).status_code == 200
    authorization = {"host": outputs["Http"], "Authorization": "my-token"}
    with connected(cloud.endpoint, f"wss://{outputs['Realtime']}/event/realtime", authorization) as client:
        assert client.subscribe("/rooms/lobby")["type"] == "subscribe_success"
        body = {"channel": "/rooms/lobby", "events": [json.dumps({"text": "hello"})]}
        headers = {"Host": outputs["Http"], "Authorization": "my-token"}
        answer = httpx.post(f"{cloud.endpoint}/event", headers=headers, json=body, timeout=20)
        assert len(answer.json()["successful"]) == 1
    send_to_user_pools(cloud, outputs)


@pytest.fixture(scope="module")
def recorded(cloud: LocalCloud, stacks: Stacks) -> dict[str, Any]:
    template = {"Resources": RESOURCES, "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()}}
    outputs = stacks.deploy(template, region=REGION)
    send(cloud, outputs)
    return collected(cloud, outputs["Recorded"], KINDS, kind_of)


@pytest.mark.parametrize("kind", KINDS)
def test_events_have_the_documented_keys(recorded: dict[str, Any], kind: str) -> None:
    assert differences(recorded[kind], kind) == sorted(STATED.get(kind, set()))


def test_a_sign_up_has_what_its_client_sent(recorded: dict[str, Any]) -> None:
    request = recorded["cognito-pre-sign-up"]["request"]
    assert (request["validationData"], request["clientMetadata"]) == ({"invitation": "abc"}, METADATA)


def test_a_connection_is_made_once(recorded: dict[str, Any]) -> None:
    requests = [recorded[f"web-socket-{kind}"]["requestContext"] for kind in ("connect", "message", "disconnect")]
    assert len({request["connectedAt"] for request in requests}) == 1
    assert len({request["connectionId"] for request in requests}) == 1
    assert requests[0]["requestTimeEpoch"] <= requests[1]["requestTimeEpoch"] <= requests[2]["requestTimeEpoch"]
    assert recorded["web-socket-disconnect"]["requestContext"]["disconnectStatusCode"] == 1000
