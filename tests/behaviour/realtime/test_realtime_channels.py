"""What RealtimeChannels does, seen by clients that connect, by a back end that publishes, and by strangers."""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdp_constructs import QueueConsumer, RealtimeChannels, SnsSqsFanout, TokenIssuer
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from docs.examples.realtime_channels import room_membership
from tests.realtime.appsync_client import Client, RefusedError, connected

HOME, REGION = "ap-northeast-1", "us-west-2"
PASSWORD = "Correct-horse-9-battery"


@architecture
def live_rooms(app: App) -> None:
    """The users are in one Region and the channels in another, as in a system of several Regions."""
    home = Stack(app, "LiveHome", env=Environment(region=HOME))
    pools = [cognito.UserPool(home, name) for name in ("Users", "Strangers")]
    clients = [
        pool.add_client("Client", auth_flows=cognito.AuthFlow(user_password=True), generate_secret=False)
        for pool in pools
    ]
    other_client = pools[0].add_client("Other", auth_flows=cognito.AuthFlow(user_password=True))
    stack = Stack(app, "LiveRooms", env=Environment(region=REGION))
    channels = RealtimeChannels(stack, "Channels", issuer=TokenIssuer.of_user_pool(pools[0], clients[0]))
    membership = room_membership(stack)
    rooms = channels.add_namespace("rooms", subscribe_handler=membership)
    channels.add_namespace("news", subscribe_handler=membership)
    messages = SnsSqsFanout(stack, "Messages")
    publisher = channels.add_publisher("Publisher")
    live = messages.add_subscriber("Live", consumer=QueueConsumer(publisher, max_receive_count=3))
    roles = {name: iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal()) for name in ("BackEnd", "Stranger")}
    rooms.grant_publish(roles["BackEnd"])
    for name, value in {
        "Http": channels.http_endpoint,
        "Realtime": channels.realtime_endpoint,
        "Topic": messages.topic.topic_arn,
        "Queue": live.queue.queue_url,
        "Failed": live.dead_letter_queue.queue_url,
        "PublisherLog": publisher.log_group.log_group_name,
        "MemberTable": stack.node.find_child("Members").table_name,  # type: ignore[attr-defined]  # the example's table
        **{f"{name}Role": role.role_arn for name, role in roles.items()},
    }.items():
        CfnOutput(stack, name, value=value)
    for name, value in {
        "UsersPool": pools[0].user_pool_id,
        "UsersClient": clients[0].user_pool_client_id,
        "OtherClient": other_client.user_pool_client_id,
        "StrangersPool": pools[1].user_pool_id,
        "StrangersClient": clients[1].user_pool_client_id,
    }.items():
        CfnOutput(home, name, value=value)


class Live:
    """The deployed rooms."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        self.outputs = {**deployment.outputs["LiveHome"], **deployment.outputs["LiveRooms"]}
        self.http_host = str(urlsplit(self.outputs["Http"]).netloc)
        self.sqs = cloud.client("sqs", REGION)

    def token(self, pool: str = "Users", client: str | None = None) -> tuple[str, str]:
        """Sign a new user up, and in; return who it is, and the access token."""
        idp = self.cloud.client("cognito-idp", HOME)
        user, client_id = uuid4().hex, self.outputs[client or f"{pool}Client"]
        idp.admin_create_user(UserPoolId=self.outputs[f"{pool}Pool"], Username=user)
        idp.admin_set_user_password(
            UserPoolId=self.outputs[f"{pool}Pool"], Username=user, Password=PASSWORD, Permanent=True
        )
        answer = idp.initiate_auth(
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": PASSWORD},
        )
        token = answer["AuthenticationResult"]["AccessToken"]
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"], token

    def join(self, room: str, user: str) -> None:
        self.cloud.client("dynamodb", REGION).put_item(
            TableName=self.outputs["MemberTable"], Item={"room": {"S": room}, "user": {"S": user}}
        )

    def connected(self, token: str) -> AbstractContextManager[Client]:
        authorization = {"host": self.http_host, "Authorization": token}
        return connected(self.cloud.endpoint, self.outputs["Realtime"], authorization)

    def as_role(self, role: str) -> Credentials:
        sts = self.cloud.client("sts", REGION)
        answer = sts.assume_role(RoleArn=self.outputs[role], RoleSessionName="test")["Credentials"]
        return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    def post(self, channel: str, event: Any, **headers: str) -> httpx.Response:
        return self._post(json.dumps({"channel": channel, "events": [json.dumps(event)]}), headers)

    def post_signed(self, role: str, channel: str, event: Any) -> httpx.Response:
        body = json.dumps({"channel": channel, "events": [json.dumps(event)]})
        headers = {"Host": self.http_host, "Content-Type": "application/json"}
        request = AWSRequest("POST", self.outputs["Http"], data=body, headers=headers)
        SigV4Auth(self.as_role(role), "appsync", REGION).add_auth(request)
        return self._post(body, dict(request.headers))

    def _post(self, body: str, headers: dict[str, str]) -> httpx.Response:
        headers = {"Content-Type": "application/json", **headers, "Host": self.http_host}
        return httpx.post(f"{self.cloud.endpoint}/event", content=body, headers=headers, timeout=30)

    def publish(self, body: str, channel: str | None) -> None:
        attributes = {"channel": {"DataType": "String", "StringValue": channel}} if channel else {}
        self.cloud.client("sns", REGION).publish(
            TopicArn=self.outputs["Topic"], Message=body, MessageAttributes=attributes
        )

    def logged(self, text: str) -> bool:
        """Whether the publisher logged a line with the text."""
        log = self.cloud.client("logs", REGION)
        answer = log.filter_log_events(logGroupName=self.outputs["PublisherLog"], filterPattern=f'"{text}"')
        return any("Not published" in event["message"] for event in answer["events"])

    def failed(self) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=self.outputs["Failed"], MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]


@pytest.fixture(scope="module")
def live(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Live:
    made = Live(local_cloud, deployed(live_rooms))
    # Three minutes of invisibility between two deliveries are right for a busy publisher and long for a test.
    made.sqs.set_queue_attributes(QueueUrl=made.outputs["Queue"], Attributes={"VisibilityTimeout": "2"})
    return made


def test_members_receive_what_is_published_to_their_room_and_nothing_else(live: Live) -> None:
    room, other_room = uuid4().hex, uuid4().hex
    users = [live.token() for _ in range(2)]
    for user, _ in users:
        live.join(room, user)
    with live.connected(users[0][1]) as first, live.connected(users[1][1]) as second:
        for client in (first, second):
            assert client.subscribe(f"/rooms/{room}")["type"] == "subscribe_success"
        live.publish(json.dumps({"text": "for others"}), f"/rooms/{other_room}")
        live.publish(json.dumps({"text": "hello"}), f"/rooms/{room}")
        assert first.event() == second.event() == {"text": "hello"}


@pytest.mark.parametrize("channel", ["/rooms/{room}", "/rooms/*", "/rooms/{room}/*", "/elsewhere/{room}"])
def test_a_strangers_subscription_is_refused(live: Live, channel: str) -> None:
    room = uuid4().hex
    _, token = live.token()
    with live.connected(token) as client:
        assert client.subscribe(channel.format(room=room))["type"] == "subscribe_error"


def test_a_subscription_needs_a_token_of_its_own(live: Live) -> None:
    room = uuid4().hex
    user, token = live.token()
    live.join(room, user)
    with live.connected(token) as client:
        client.authorization = {**client.authorization, "Authorization": token[:-4] + "AAAA"}
        assert client.subscribe(f"/rooms/{room}")["type"] == "subscribe_error"


def test_only_tokens_of_the_apps_own_pool_and_client_connect(live: Live) -> None:
    _, good = live.token()
    head, payload, _ = good.split(".")
    others = live.token("Strangers")[1], live.token(client="OtherClient")[1]
    for token in ("", "nonsense", f"{head}.{payload}.AAAA", *others):
        with pytest.raises(RefusedError, match=r"Unauthorized|4401"), live.connected(token):
            pass
    with live.connected(good):
        pass


def test_a_user_does_not_publish(live: Live) -> None:
    room = uuid4().hex
    user, token = live.token()
    live.join(room, user)
    with live.connected(token) as client:
        assert client.subscribe(f"/rooms/{room}")["type"] == "subscribe_success"
        assert client.publish(f"/rooms/{room}", "let me in")["type"] == "publish_error"
        assert live.post(f"/rooms/{room}", "let me in", Authorization=token).status_code in {401, 403}
        assert live.post(f"/rooms/{room}", "let me in").status_code in {401, 403}
        live.publish(json.dumps("from the back end"), f"/rooms/{room}")
        assert client.event() == "from the back end"


def test_a_role_publishes_only_where_it_was_granted(live: Live) -> None:
    room = uuid4().hex
    user, token = live.token()
    live.join(room, user)
    with live.connected(token) as client:
        client.subscribe(f"/rooms/{room}")
        assert live.post_signed("StrangerRole", f"/rooms/{room}", "no").status_code in {401, 403}
        assert live.post_signed("BackEndRole", f"/news/{room}", "no").status_code in {401, 403}
        assert live.post_signed("BackEndRole", f"/rooms/{room}", "yes").status_code == 200
        assert client.event() == "yes"


def test_all_events_of_a_room_come(live: Live) -> None:
    room = uuid4().hex
    user, token = live.token()
    live.join(room, user)
    with live.connected(token) as client:
        client.subscribe(f"/rooms/{room}")
        for number in range(23):
            live.publish(json.dumps(number), f"/rooms/{room}")
        # A standard queue may mix what it delivers in several batches, and deliver it twice: order and doubles are the
        # sequence numbers' affair.
        received: set[int] = set()
        while len(received) < 23:
            received.add(client.event())
        assert received == set(range(23))


def test_what_an_outage_holds_up_is_published_when_it_is_over(live: Live, local_cloud: LocalCloud) -> None:
    room = uuid4().hex
    user, token = live.token()
    live.join(room, user)
    with live.connected(token) as client:
        client.subscribe(f"/rooms/{room}")
        with local_cloud.inject_fault("appsync", REGION, error="ServiceUnavailable"):
            live.publish(json.dumps("late"), f"/rooms/{room}")
            eventually(lambda: live.logged(room), what="the publisher gives up and leaves it to the queue")
        assert client.event() == "late"


def test_what_can_never_be_published_is_set_aside_and_the_rest_is_delivered(live: Live) -> None:
    room = uuid4().hex
    user, token = live.token()
    live.join(room, user)
    poison = {
        '"no channel"': None,
        "no JSON": f"/rooms/{room}",
        '"a wildcard"': "/rooms/*",
        '"an unknown namespace"': f"/elsewhere/{room}",
        json.dumps("large" * 49_300): f"/rooms/{room}",
    }
    with live.connected(token) as client:
        client.subscribe(f"/rooms/{room}")
        for body, channel in poison.items():
            live.publish(body, channel)
        live.publish(json.dumps("behind them"), f"/rooms/{room}")
        assert client.event() == "behind them"
    eventually(lambda: set(poison) <= set(live.failed()), within=40, what="all are in the dead-letter queue")
