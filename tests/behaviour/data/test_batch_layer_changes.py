"""A batch layer whose rule put records into it is changed to read the stream, while devices go on publishing."""

import itertools
import json
import time
from collections import Counter
from typing import Any

from aws_cdk import App, CfnOutput, RemovalPolicy, Stack

from cdp_constructs import BatchLayer, SpeedLayer
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.behaviour.data.test_large_fleet import REGION, stored_in

STACK = "ChangedBatchLayer"


def deploy(cloud: LocalCloud, context: dict[str, Any], *, reads_stream: bool) -> dict[str, str]:
    app = App(context=context)
    stack, destroy = Stack(app, STACK), RemovalPolicy.DESTROY
    speed = SpeedLayer(stack, "Speed", measures=["temperature"], windows=False, removal_policy=destroy)
    sql = "SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type FROM 'changed/home/+/+/+'"
    rule = TopicRule(stack, "Telemetry", sql=sql, description="Telemetry")
    speed.add_rule(rule)
    stream = speed.stream if reads_stream else None
    batch = BatchLayer(stack, "Batch", columns={"temperature": "double"}, stream=stream, removal_policy=destroy)
    if not reads_stream:
        batch.add_rule(rule)
    CfnOutput(stack, "Bucket", value=batch.bucket.bucket_name)
    CfnOutput(stack, "Deliveries", value=batch.delivery_stream.delivery_stream_name)
    return dict(cloud.deploy(app.synth().directory).outputs[STACK])


def test_no_record_is_lost_when_a_layer_begins_to_read_the_stream(
    local_cloud: LocalCloud, cdk_context: dict[str, Any]
) -> None:
    device, numbers, sent = local_cloud.client("iot-data", REGION), itertools.count(), []

    def publish() -> None:
        for number in itertools.islice(numbers, 5):
            sent.append(f"c-{number}")
            fields = {"at": int(time.time() * 1000), "message_id": sent[-1], "temperature": number}
            device.publish(topic="changed/home/tokyo/desk/climate", qos=1, payload=json.dumps(fields).encode())

    before = deploy(local_cloud, cdk_context, reads_stream=False)
    publish()
    after = deploy(local_cloud, cdk_context, reads_stream=True)
    assert before["Bucket"] == after["Bucket"]
    assert before["Deliveries"] != after["Deliveries"]
    publish()

    def stored() -> Counter[str]:
        # The delivery stream that was replaced is kept, and delivers what it gathered.
        for deliveries in (before, after):
            local_cloud.flush_delivery_stream(deliveries["Deliveries"], REGION)
        return Counter(row["message_id"] for row in stored_in(local_cloud, after["Bucket"]))

    eventually(lambda: set(stored()) == set(sent), within=30)
    assert stored() == Counter(sent)
