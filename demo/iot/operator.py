"""What operators of the fleet do and see: the allow-list, commands, alerts, tickets, and both layers."""

import hashlib
import hmac
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from cdp_constructs.local import Deployment, LocalCloud
from demo.bring_up import physical_id
from demo.iot.athena import ask

STACK = "Iot"


class Operator:
    """The deployed system, as its operators reach it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        """Find the parts by the stack's outputs and resources."""
        self.cloud = cloud
        self.deployment = deployment
        self.outputs = deployment.outputs[STACK]
        self.region = deployment.regions[STACK]
        self._clients: dict[str, Any] = {}
        self._alerts: list[dict[str, Any]] = []
        self._rejected: list[dict[str, Any]] = []
        self._reports: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def client(self, service: str) -> Any:
        """Return a boto3 client of the system's Region."""
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service, region=self.region)
        return self._clients[service]

    def part(self, prefix: str) -> str:
        """Return the physical id of a resource of the stack."""
        return physical_id(self.deployment, STACK, prefix)

    # --- devices

    def issue_claim(self) -> str:
        """Return a claim certificate with its key, as a production line gets one (PEM)."""
        iot = self.client("iot")
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_policy(policyName=self.outputs["ClaimPolicy"], target=made["certificateArn"])
        return str(made["certificatePem"] + made["keyPair"]["PrivateKey"])

    def allow(self, devices: Mapping[str, tuple[str, str]]) -> None:
        """Put serial numbers with their site and kind on the allow-list."""
        for serial_number, (site, kind) in devices.items():
            item = {"serial_number": {"S": serial_number}, "context": {"S": site}, "kind": {"S": kind}}
            self.client("dynamodb").put_item(TableName=self.outputs["AllowListName"], Item=item)

    def revoke(self, certificate_id: str) -> None:
        """Revoke a certificate, as after a theft."""
        self.client("iot").update_certificate(certificateId=certificate_id, newStatus="REVOKED")

    def endpoints(self) -> dict[str, str]:
        """Return the names that devices dial, by Region, in every Region that has the system."""
        names = {}
        for region in sorted({self.region, *self.deployment.regions.values()}):
            described = self.cloud.client("iot", region=region).describe_endpoint(endpointType="iot:Data-ATS")
            names[region] = f"{described['endpointAddress'].partition('.')[0]}.iot.{region}.amazonaws.com"
        return names

    def statuses(self) -> Counter[str]:
        """Count the devices of the allow-list by their status."""
        items = self._scan(self.outputs["AllowListName"])
        return Counter(item.get("status", {}).get("S", "allowed") for item in items)

    # --- commands

    def command(self, **request: Any) -> dict[str, Any]:
        """Use the function of commands: ``operation`` is send, status, desire or state."""
        return self._invoke(self.outputs["CommandFunctionName"], request)

    def broadcast(self, **request: Any) -> dict[str, Any]:
        """Use the function of broadcasts."""
        return self._invoke(self.outputs["BroadcastFunctionName"], request)

    def history(self, thing: str, minutes: int) -> dict[str, Any]:
        """Query both layers for the measurements of a thing."""
        return self._invoke(self.outputs["HistoryFunctionName"], {"thing": thing, "minutes": minutes})

    # --- alerts

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that the operators' queue has received so far."""
        self._alerts += (json.loads(body) for body in self._take(self.outputs["OperatorsQueueUrl"]))
        return self._alerts

    def reports(self, site: str) -> list[dict[str, Any]]:
        """Return what the devices of a site have reported to its operators so far."""
        self._reports[site] += (json.loads(body) for body in self._take(self.outputs[f"OperatorsQueueUrl{site}"]))
        return self._reports[site]

    def tickets(self) -> dict[str, dict[str, Any]]:
        """Return the tickets by what they are about."""
        items = self._scan(self.part("AlertsTicketTable"))
        plain = ({name: next(iter(value.values())) for name, value in item.items()} for item in items)
        return {item["ticket"]: item for item in plain}

    def archived(self) -> list[dict[str, Any]]:
        """Return the alerts in the archive."""
        bucket, s3 = self.part("AlertsArchiveBucket"), self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="alerts/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]

    def rejected(self) -> list[dict[str, Any]]:
        """Return the records that the speed layer has rejected so far, with the reason."""
        url = self.part("TelemetrySpeedErrorQueue")
        self._rejected += (json.loads(body) for body in self._take(url))
        return self._rejected

    # --- telemetry

    def speed_counts(self, things: Iterable[str]) -> dict[str, int]:
        """Return how many messages the windows of each thing have counted."""
        return {thing: sum(window["messages"] for _, window in self._windows(thing)) for thing in things}

    def windows(self, thing: str) -> dict[str, dict[str, Any]]:
        """Return the minutes of a thing in the speed layer, by the minute they begin with."""
        return dict(self._windows(thing))

    def streamed(self, since: datetime) -> list[dict[str, Any]]:
        """Return the messages in the stream of all devices that arrived since a time; each with its partition key."""
        kinesis, stream = self.client("kinesis"), self.part("TelemetrySpeedStream")
        found = []
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="AT_TIMESTAMP", Timestamp=since
            )["ShardIterator"]
            while iterator:
                answer = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
                found += [{**json.loads(one["Data"]), "key": one["PartitionKey"]} for one in answer["Records"]]
                iterator = answer["NextShardIterator"] if answer["MillisBehindLatest"] else None
        return found

    def latest(self, things: Iterable[str]) -> dict[str, int]:
        """Return when the newest measurement in the latest state of things was made, epoch milliseconds."""
        table = self.part("TelemetrySpeedTable")
        keys = [{"pk": {"S": f"THING#{thing}"}, "sk": {"S": "LATEST"}} for thing in things]
        answer = self.client("dynamodb").batch_get_item(RequestItems={table: {"Keys": keys}})
        items = answer["Responses"][table]
        return {item["thing"]["S"]: int(json.loads(item["state"]["S"])["at_ms"]) for item in items}

    def deliver(self) -> None:
        """Let Firehose deliver its buffer, instead of waiting for the end of its five minutes."""
        self.cloud.flush_delivery_stream(self.part("TelemetryBatchDeliveryStream"), self.region)

    def minutes_until_delivered(self) -> float:
        """Return how long Firehose buffers at most, in minutes."""
        described = self.client("firehose").describe_delivery_stream(
            DeliveryStreamName=self.part("TelemetryBatchDeliveryStream")
        )
        [destination] = described["DeliveryStreamDescription"]["Destinations"]
        return float(destination["ExtendedS3DestinationDescription"]["BufferingHints"]["IntervalInSeconds"] / 60)

    def batch_repetitions(self) -> int:
        """Ask Athena how many records came again, under a message id that is there already."""
        return sum(
            int(repeated) for _, repeated in self._query("thing, count(*) - count(DISTINCT message_id)", "thing")
        )

    def batch_counts(self) -> dict[str, int]:
        """Ask Athena how many records of each thing there are, each message id once."""
        return {thing: int(records) for thing, records in self._query("thing, count(DISTINCT message_id)", "thing")}

    def batch_things(self, trace_id: str) -> list[str]:
        """Ask Athena whose record has an id."""
        found = self._query("thing, trace_id", "thing, trace_id")
        return [thing for thing, identity in found if identity == trace_id]

    def _query(self, columns: str, group: str) -> list[list[str]]:
        return ask(self.client("athena"), self.part("TelemetryBatchRecordsPerThing"), columns, group)

    # --- the issue tracker

    def webhook(self, delivery: str, event: Mapping[str, Any]) -> int:
        """Send what an issue tracker sends, signed with the shared secret; return the status."""
        host = urlsplit(self.outputs["WebhookUrl"])
        base = self.cloud.http_api_url((host.hostname or "").partition(".")[0], self.region)
        secret = self.client("secretsmanager").get_secret_value(SecretId=self.outputs["WebhookSecretArn"])
        body = json.dumps(event).encode()
        signature = hmac.new(secret["SecretString"].encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        return httpx.post(f"{base.rstrip('/')}{host.path}", content=body, headers=headers, timeout=20).status_code

    # --- how

    def _invoke(self, function: str, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(request))
        document = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(f"{function}: {document}")
        return dict(document)

    def _take(self, queue_url: str) -> list[str]:
        sqs, taken = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                taken.append(message["Body"])
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def _scan(self, table: str) -> list[dict[str, Any]]:
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def _windows(self, thing: str) -> list[tuple[str, dict[str, Any]]]:
        pages = (
            self.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.part("TelemetrySpeedTable"),
                KeyConditionExpression="pk = :pk AND begins_with(sk, :windows)",
                ExpressionAttributeValues={":pk": {"S": f"THING#{thing}"}, ":windows": {"S": "WINDOW#"}},
                ConsistentRead=True,
            )
        )
        items = [item for page in pages for item in page["Items"]]
        return [(item["sk"]["S"].removeprefix("WINDOW#"), json.loads(item["state"]["S"])) for item in items]
