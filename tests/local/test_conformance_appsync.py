"""AppSync Events: an API of a template takes events from who has its key."""

import json
from typing import Any

import httpx

from cdp_constructs.local import LocalCloud

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
