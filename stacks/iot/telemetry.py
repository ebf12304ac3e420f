"""The measurements of devices, in the speed layer (within seconds) and in the batch layer (exactly)."""

from typing import TYPE_CHECKING

from constructs import Construct

from cdp_constructs import Aggregation, BatchLayer, SpeedLayer, TableCapacity
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.periods import minutes
from stacks.iot import HANDLERS
from stacks.iot.config import MEASURES

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from cdp_constructs import DeviceFleet
    from stacks.iot.config import IotConfiguration

# A connection publishes 100 messages a second, and a device has one: https://docs.aws.amazon.com/general/latest/gr/iot-core.html
_MOST_OF_ONE_DEVICE = 100 * 300

KINDS = {"Climate": "climate", "Seat": "seat"}
"""The types of measurements, by construct id of their rule: hygrometers publish climate, chairs publish seat."""


class Telemetry(Construct):
    """Puts measurements into both layers, by one rule for each type; devices publish straight to these rules.

    Attributes:
        speed: The latest state, windows of the last minutes, and alerts.
        batch: All measurements in S3.
        rules: The rules by type of measurement.
        history_function: Returns the measurements of a thing from both layers.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "DeviceFleet",
        configuration: "IotConfiguration",
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        capacity = configuration.table_capacity
        self.speed = SpeedLayer(
            self,
            "Speed",
            measures=MEASURES,
            windows=configuration.speed_windows,
            window_length=minutes(length) if (length := configuration.speed_window_minutes) is not None else None,
            shards=configuration.stream_shards,
            table_capacity=TableCapacity(**capacity.model_dump()) if capacity is not None else None,
            alarm_topic=alarm_topic,
        )
        thresholds = [
            self.speed.add_threshold(
                threshold.name,
                measure=threshold.measure,
                above=threshold.above,
                below=threshold.below,
                recovers_at=threshold.recovers_at,
            )
            for threshold in configuration.thresholds
        ]
        if configuration.gather_minutes:
            fleet.gather(minutes(configuration.gather_minutes), thresholds=thresholds)
        self.batch = BatchLayer(
            self,
            "Batch",
            # The last is the id by which a message is followed.
            stream=self.speed.stream if configuration.firehose_reads_stream else None,
            gathered=configuration.gather_minutes > 0,
            columns={**dict.fromkeys(MEASURES, "double"), "trace_id": "string"},
            # The speed layer notifies when several devices send what does not fit; one alone notifies nobody.
            alarming_rejections=_MOST_OF_ONE_DEVICE + 1,
            alarm_topic=alarm_topic,
        )
        self.rules = {
            kind: Aggregation(
                self, construct_id, fleet=fleet, kind=kind, stream=self.speed.stream, alarm_topic=alarm_topic
            )
            for construct_id, kind in KINDS.items()
        }
        for aggregation in self.rules.values():
            if not configuration.firehose_reads_stream:
                self.batch.add_rule(aggregation.rule)
            aggregation.use_basic_ingest()
        self.history_function = add_function(
            self,
            "HistoryFunction",
            handler=HANDLERS / "history",
            description="Returns what a thing measures, now and in the last minutes",
            invocation=Invocation.REQUEST,
            memory_size=512,
            # A query of Athena takes seconds.
            timeout=minutes(2),
        )
        self.speed.share_with(self.history_function)
        self.batch.share_with(self.history_function)
