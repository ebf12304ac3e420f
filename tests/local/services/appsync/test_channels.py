"""AppSync Events: who may connect, subscribe and publish, and what the functions of a namespace decide."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.appsync.live import API, HOME, REGION, USERS, Live, live_template
from tests.realtime.appsync_client import RefusedError

BY_KEY = [{"AuthType": "API_KEY"}]
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


@pytest.fixture(scope="module")
def live(cloud: LocalCloud, stacks: Any) -> Live:
    users = stacks.deploy(USERS, region=HOME)
    template = live_template(users["Users"], users["UsersClient"])
    return Live(cloud, users, stacks.deploy(template, region=REGION))


def test_access_and_id_tokens_of_the_own_pool_connect(live: Live) -> None:
    for use in ("AccessToken", "IdToken"):
        with live.connected(live.authorization("amy", use=use)):
            pass


def test_the_host_may_be_named_without_its_local_port(live: Live) -> None:
    authorization = live.authorization("amy")
    with live.connected({**authorization, "host": authorization["host"].partition(":")[0]}):
        pass


def test_other_tokens_do_not_connect(live: Live) -> None:
    good = live.authorization("amy")
    head, payload, signature = good["Authorization"].split(".")
    refused = [
        {**good, "Authorization": f"{head}.{payload}.{signature[:-6]}AAAAAA"},
        {**good, "Authorization": "nonsense"},
        {"host": good["host"]},
        {"Authorization": good["Authorization"]},
        {**good, "host": "example.com"},
        {**good, "host": good["host"].replace(".appsync-api.", ".appsync-realtime-api.")},
        live.authorization("amy", "Strangers"),
        {**good, "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/appsync/aws4_request"},
    ]
    for authorization in refused:
        with pytest.raises(RefusedError, match=r"Unauthorized|4401"), live.connected(authorization):
            pass


def test_a_request_that_names_another_host_is_refused(live: Live) -> None:
    with live.connected(live.authorization("amy")) as client:
        client.authorization = {**client.authorization, "host": "example.com"}
        assert client.subscribe("/rooms/amy")["type"] == "subscribe_error"
        client.authorization = live.authorization("amy")
        assert client.subscribe("/rooms/amy")["type"] == "subscribe_success"


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
