"""What WebSocketChannels does, seen by clients that connect, by a back end that publishes, and by strangers."""

import base64
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cdp_constructs import QueueConsumer, SnsSqsFanout, TokenIssuer, WebSocketChannels
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from docs.examples.realtime_channels import room_membership

HOME, REGION = "ap-northeast-1", "us-west-2"
PASSWORD = "Correct-horse-9-battery"


@architecture
def web_socket_rooms(app: App) -> None:
    home = Stack(app, "SocketHome", env=Environment(region=HOME))
    pools = [cognito.UserPool(home, name) for name in ("Users", "Strangers")]
    clients = [
        pool.add_client("Client", auth_flows=cognito.AuthFlow(user_password=True), generate_secret=False)
        for pool in pools
    ]
    other_client = pools[0].add_client("Other", auth_flows=cognito.AuthFlow(user_password=True))
    stack = Stack(app, "SocketRooms", env=Environment(region=REGION))
    channels = WebSocketChannels(stack, "Channels", issuer=TokenIssuer.of_user_pool(pools[0], clients[0]))
    channels.add_namespace("rooms", subscribe_handler=room_membership(stack))
    messages = SnsSqsFanout(stack, "Messages")
    publisher = channels.add_publisher("Publisher")
    live = messages.add_subscriber("Live", consumer=QueueConsumer(publisher, max_receive_count=3))
    stranger = iam.Role(stack, "Stranger", assumed_by=iam.AccountRootPrincipal())
    back_end = iam.Role(stack, "BackEnd", assumed_by=iam.AccountRootPrincipal())
    channels.grant_publish(back_end)
    for name, value in {
        "ApiId": channels.api.api_id,
        "Topic": messages.topic.topic_arn,
        "Queue": live.queue.queue_url,
        "Failed": live.dead_letter_queue.queue_url,
        "PublisherLog": publisher.log_group.log_group_name,
        "Subscriptions": channels.table.table_name,
        "MemberTable": stack.node.find_child("Members").table_name,  # type: ignore[attr-defined]  # the example's table
        "StrangerRole": stranger.role_arn,
        "BackEndRole": back_end.role_arn,
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


class Client:
    """A connection that speaks the protocol of WebSocketChannels."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def ask(self, **message: Any) -> dict[str, Any]:
        self.connection.send(json.dumps(message))
        return self.receive()

    def subscribe(self, channel: str) -> dict[str, Any]:
        return self.ask(action="subscribe", channel=channel)

    def receive(self, timeout: float = 20) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.connection.recv(timeout))
        return answer

    def event(self) -> Any:
        frame = self.receive()
        assert frame["type"] == "data", frame
        return json.loads(frame["event"])


class Rooms:
    """The deployed rooms."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        self.outputs = {**deployment.outputs["SocketHome"], **deployment.outputs["SocketRooms"]}
        self.sqs = cloud.client("sqs", REGION)
        self.dynamodb = cloud.client("dynamodb", REGION)

    def token(self, pool: str = "Users", client: str | None = None, use: str = "AccessToken") -> tuple[str, str]:
        """Sign a new user up, and in; return who it is, and the token."""
        idp = self.cloud.client("cognito-idp", HOME)
        user, client_id, pool_id = uuid4().hex, self.outputs[client or f"{pool}Client"], self.outputs[f"{pool}Pool"]
        idp.admin_create_user(UserPoolId=pool_id, Username=user)
        idp.admin_set_user_password(UserPoolId=pool_id, Username=user, Password=PASSWORD, Permanent=True)
        answer = idp.initiate_auth(
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": PASSWORD},
        )
        token = answer["AuthenticationResult"][use]
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"], token

    def member(self, room: str) -> str:
        """Make a new user a member of a room and return the token."""
        user, token = self.token()
        item = {"room": {"S": room}, "user": {"S": user}}
        self.dynamodb.put_item(TableName=self.outputs["MemberTable"], Item=item)
        return token

    @contextmanager
    def connected(self, *protocols: str) -> Iterator[Client]:
        address = urlsplit(self.cloud.endpoint)
        url = f"ws://{address.netloc}/_aws/execute-api/{self.outputs['ApiId']}/live"
        offered = [Subprotocol(protocol) for protocol in protocols]
        sock = socket.create_connection((address.hostname, address.port))
        with connect(url, sock=sock, subprotocols=offered or None) as connection:
            assert connection.subprotocol == "channels"
            yield Client(connection)

    def as_user(self, token: str) -> Any:
        return self.connected("channels", f"token-{token}")

    def publish(self, body: str, channel: str | None) -> None:
        attributes = {"channel": {"DataType": "String", "StringValue": channel}} if channel else {}
        self.cloud.client("sns", REGION).publish(
            TopicArn=self.outputs["Topic"], Message=body, MessageAttributes=attributes
        )

    def subscribers(self, channel: str) -> list[dict[str, Any]]:
        answer = self.dynamodb.query(
            TableName=self.outputs["Subscriptions"],
            KeyConditionExpression="channel = :channel",
            ExpressionAttributeValues={":channel": {"S": channel}},
        )
        items: list[dict[str, Any]] = answer["Items"]
        return items

    def failed(self) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=self.outputs["Failed"], MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]

    def logged(self, text: str) -> bool:
        """Whether the publisher logged a line with the text."""
        log = self.cloud.client("logs", REGION)
        answer = log.filter_log_events(logGroupName=self.outputs["PublisherLog"], filterPattern=f'"{text}"')
        return any("Subscribers not found" in event["message"] for event in answer["events"])

    def post(self, role: str, connection: str) -> None:
        sts = self.cloud.client("sts", REGION)
        credentials = sts.assume_role(RoleArn=self.outputs[role], RoleSessionName="test")["Credentials"]
        cloud = LocalCloud(f"{self.cloud.endpoint}/_aws/execute-api/{self.outputs['ApiId']}/live", self.cloud.root)
        client = cloud.client("apigatewaymanagementapi", REGION, credentials)
        client.post_to_connection(ConnectionId=connection, Data=b'{"type": "posted"}')


@pytest.fixture(scope="module")
def rooms(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Rooms:
    made = Rooms(local_cloud, deployed(web_socket_rooms))
    made.sqs.set_queue_attributes(QueueUrl=made.outputs["Queue"], Attributes={"VisibilityTimeout": "2"})
    return made


def test_members_receive_what_is_published_to_their_room_and_nothing_else(rooms: Rooms) -> None:
    room, other = uuid4().hex, uuid4().hex
    with rooms.as_user(rooms.member(room)) as first, rooms.as_user(rooms.member(room)) as second:
        for client in (first, second):
            assert client.subscribe(f"rooms/{room}/") == {"type": "subscribe_success", "channel": f"/rooms/{room}"}
        rooms.publish(json.dumps({"text": "for others"}), f"/rooms/{other}")
        rooms.publish(json.dumps({"text": "hello"}), f"/rooms/{room}")
        assert first.event() == second.event() == {"text": "hello"}
        assert first.ask(action="ping") == {"type": "ka"}


def test_id_tokens_connect_as_well(rooms: Rooms) -> None:
    with rooms.as_user(rooms.token(use="IdToken")[1]):
        pass


def test_only_tokens_of_the_apps_own_pool_and_client_connect(rooms: Rooms) -> None:
    head, payload, signature = rooms.token()[1].split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    for token in (
        "nonsense",
        f"{head}.{payload}.{signature[:-6]}AAAAAA",
        f"{unsigned}.{payload}.{signature}",
        rooms.token("Strangers")[1],
        rooms.token(client="OtherClient")[1],
    ):
        with pytest.raises(InvalidStatus, match="403"), rooms.as_user(token):
            pass
    for protocols in ([], ["channels"]):
        with pytest.raises(InvalidStatus, match=r"401|403"), rooms.connected(*protocols):
            pass


def test_a_strangers_subscription_is_refused(rooms: Rooms) -> None:
    room = uuid4().hex
    with rooms.as_user(rooms.token()[1]) as client:
        for channel in (f"/rooms/{room}", "/rooms/*", f"/elsewhere/{room}", "", "/a/b/c/d/e/f"):
            answer = client.subscribe(channel)
            assert (answer["type"], answer["channel"]) == ("subscribe_error", channel)
        assert client.ask(action="subscribe")["type"] == "subscribe_error"
        assert client.ask(action="publish", channel=f"/rooms/{room}")["type"] == "error"
    assert rooms.subscribers(f"/rooms/{room}") == []


def test_who_unsubscribes_receives_nothing_more(rooms: Rooms) -> None:
    room, other = uuid4().hex, uuid4().hex
    token = rooms.member(room)
    with rooms.as_user(token) as client, rooms.as_user(rooms.member(other)) as witness:
        client.subscribe(f"/rooms/{room}")
        assert client.ask(action="unsubscribe", channel=f"/rooms/{room}")["type"] == "unsubscribe_success"
        witness.subscribe(f"/rooms/{other}")
        rooms.publish(json.dumps("unheard"), f"/rooms/{room}")
        rooms.publish(json.dumps("heard"), f"/rooms/{other}")
        assert witness.event() == "heard"
        assert client.ask(action="ping") == {"type": "ka"}


def test_a_connection_that_ends_leaves_no_subscription(rooms: Rooms) -> None:
    room = uuid4().hex
    with rooms.as_user(rooms.member(room)) as client:
        client.subscribe(f"/rooms/{room}")
        (item,) = rooms.subscribers(f"/rooms/{room}")
        assert set(item) == {"channel", "connection", "user", "expires_at"}
    eventually(lambda: not rooms.subscribers(f"/rooms/{room}"), what="the subscription is gone")


def test_a_connection_that_is_gone_is_removed_by_the_publisher(rooms: Rooms) -> None:
    room = uuid4().hex
    gone = {"channel": {"S": f"/rooms/{room}"}, "connection": {"S": "gone="}, "user": {"S": "ghost"}}
    rooms.dynamodb.put_item(TableName=rooms.outputs["Subscriptions"], Item=gone)
    with rooms.as_user(rooms.member(room)) as client:
        client.subscribe(f"/rooms/{room}")
        rooms.publish(json.dumps("hello"), f"/rooms/{room}")
        assert client.event() == "hello"
        eventually(lambda: len(rooms.subscribers(f"/rooms/{room}")) == 1, what="only the living connection is left")
    assert json.dumps("hello") not in rooms.failed()


def test_only_who_was_granted_posts_to_connections(rooms: Rooms) -> None:
    room = uuid4().hex
    with rooms.as_user(rooms.member(room)) as client:
        client.subscribe(f"/rooms/{room}")
        connection = rooms.subscribers(f"/rooms/{room}")[0]["connection"]["S"]
        with pytest.raises(ClientError, match=r"Forbidden|AccessDenied"):
            rooms.post("StrangerRole", connection)
        rooms.post("BackEndRole", connection)
        assert client.receive() == {"type": "posted"}


def test_what_an_outage_holds_up_is_published_when_it_is_over(rooms: Rooms, local_cloud: LocalCloud) -> None:
    room = uuid4().hex
    with rooms.as_user(rooms.member(room)) as client:
        client.subscribe(f"/rooms/{room}")
        with local_cloud.inject_fault("dynamodb", REGION, operation="Query"):
            rooms.publish(json.dumps("late"), f"/rooms/{room}")
            eventually(lambda: rooms.logged(room), what="the publisher gives up and leaves it to the queue")
        assert client.event() == "late"


def test_what_can_never_be_published_is_set_aside_and_the_rest_is_delivered(rooms: Rooms) -> None:
    room = uuid4().hex
    poison = {
        '"no channel"': None,
        "no JSON": f"/rooms/{room}",
        '"a wildcard"': "/rooms/*",
        json.dumps("large" * 30_000): f"/rooms/{room}",
    }
    with rooms.as_user(rooms.member(room)) as client:
        client.subscribe(f"/rooms/{room}")
        for body, channel in poison.items():
            rooms.publish(body, channel)
        rooms.publish(json.dumps("behind them"), f"/rooms/{room}")
        assert client.event() == "behind them"
    eventually(lambda: set(poison) <= set(rooms.failed()), within=40, what="all are in the dead-letter queue")
