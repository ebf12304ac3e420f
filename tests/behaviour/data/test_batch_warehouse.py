"""What BatchWarehouse loads, for whom, and where loads go that fail."""

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from botocore.exceptions import ClientError

from cdp_constructs import BatchLayer, BatchWarehouse
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually

REGION = "us-east-1"
ENDED = {"FINISHED", "FAILED", "ABORTED"}
things = (f"desk-{number}" for number in itertools.count())


@architecture
def warehouse(stack: Stack) -> None:
    batch = BatchLayer(stack, "Batch", columns={"temperature": "double"}, removal_policy=RemovalPolicy.DESTROY)
    loaded = BatchWarehouse(stack, "Warehouse", batch=batch, removal_policy=RemovalPolicy.DESTROY)
    analyst, stranger = (iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal()) for name in ("Analyst", "Other"))
    loaded.grant_read(analyst)
    outputs = {
        "Deliveries": batch.delivery_stream.delivery_stream_name,
        "Bucket": batch.bucket.bucket_name,
        "Workgroup": loaded.workgroup.workgroup_name,
        "Function": loaded.function.function_name,
        "Failed": loaded.dead_letter_queue.queue_url,
        "AnalystRole": analyst.role_arn,
        "StrangerRole": stranger.role_arn,
        "CopyRole": loaded.node.find_child("CopyRole").role_name,  # type: ignore[attr-defined]
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Name", value=value)


class Warehouse:
    """The deployed warehouse, and what its users do."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        (outputs,) = deployment.outputs.values()
        self.cloud = cloud
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs.items()}

    def client(self, service: str, role: str = "") -> Any:
        if not role:
            return self.cloud.client(service, REGION)
        sts = self.cloud.client("sts", REGION)
        credentials = sts.assume_role(RoleArn=self.outputs[f"{role}Role"], RoleSessionName="test")["Credentials"]
        return self.cloud.client(service, REGION, credentials)

    def deliver(self, *records: Mapping[str, Any]) -> None:
        """Let Firehose deliver records to the batch layer."""
        before = self.objects()
        entries = [
            {"Data": json.dumps({"context": "tokyo", "type": "climate", **record}).encode()} for record in records
        ]
        self.client("firehose").put_record_batch(DeliveryStreamName=self.outputs["Deliveries"], Records=entries)
        self.cloud.flush_delivery_stream(self.outputs["Deliveries"], REGION)
        eventually(lambda: self.objects() - before, what="an object in the batch layer")

    def objects(self) -> set[str]:
        listed = self.client("s3").list_objects_v2(Bucket=self.outputs["Bucket"], Prefix="telemetry/")
        return {item["Key"] for item in listed.get("Contents", ())}

    def failed_objects(self, keys: set[str]) -> list[dict[str, Any]]:
        """Wait until the dead-letter queue names these objects, and no other; return what it says of each."""
        details: dict[str, dict[str, Any]] = {}

        def look() -> bool:
            sqs, queue = self.client("sqs"), self.outputs["Failed"]
            for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
                detail = json.loads(message["Body"])["detail"]
                details[detail["statementName"].removeprefix(f"{self.outputs['Workgroup']} ")] = detail
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return set(details) == keys

        eventually(look, what=f"the dead-letter queue with {sorted(keys)}")
        return list(details.values())

    def load(self) -> dict[str, Any]:
        """Do what the schedule does, and return how the load ended."""
        answer = self.client("lambda").invoke(FunctionName=self.outputs["Function"], Payload=b"{}")
        statement = json.loads(answer["Payload"].read())["statement"]
        return self.ended(self.client("redshift-data"), statement)

    def ended(self, data: Any, statement: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            described: dict[str, Any] = data.describe_statement(Id=statement)
            return described if described["Status"] in ENDED else None

        return eventually(look, what="the end of a statement")

    def ask(self, sql: str, data: Any = None, **parameters: str) -> list[list[Any]]:
        """Return the rows of a query."""
        data = data or self.client("redshift-data")
        named = {"Parameters": [{"name": name, "value": value} for name, value in parameters.items()]}
        started = data.execute_statement(
            WorkgroupName=self.outputs["Workgroup"], Database="telemetry", Sql=sql, **(named if parameters else {})
        )
        described = self.ended(data, started["Id"])
        assert described["Status"] == "FINISHED", described
        return [
            [next(iter(field.values())) for field in row]
            for row in data.get_statement_result(Id=started["Id"])["Records"]
        ]


@pytest.fixture(scope="module")
def home(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Warehouse:
    return Warehouse(local_cloud, deployed(warehouse))


def _at() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


TEMPERATURES = "SELECT message_id, temperature FROM telemetry WHERE thing = :thing ORDER BY message_id"


def test_what_was_delivered_can_be_asked_for_in_sql(home: Warehouse) -> None:
    thing, at = next(things), _at()
    home.deliver(*({"thing": thing, "message_id": f"m{n}", "at": at + n, "temperature": 20.5 + n} for n in range(3)))
    ended = home.load()
    assert ended["Status"] == "FINISHED", ended
    assert home.ask(TEMPERATURES, thing=thing) == [["m0", 20.5], ["m1", 21.5], ["m2", 22.5]]


def test_what_is_loaded_again_or_was_delivered_twice_is_there_once(home: Warehouse) -> None:
    thing, at = next(things), _at()
    record = {"thing": thing, "message_id": "same", "at": at, "temperature": 19.0}
    home.deliver(record, record)
    home.load()
    home.deliver(record, {**record, "message_id": "other"})
    home.load()
    home.load()
    assert home.ask(TEMPERATURES, thing=thing) == [["other", 19.0], ["same", 19.0]]


def test_a_load_that_fails_changes_nothing_and_waits_in_the_dead_letter_queue(home: Warehouse) -> None:
    thing = next(things)
    iam_client, role = home.client("iam"), home.outputs["CopyRole"]
    [name] = iam_client.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam_client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    home.deliver({"thing": thing, "message_id": "m", "at": _at(), "temperature": 1.0})
    iam_client.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        ended = home.load()
        failed = home.failed_objects(home.objects())
    finally:
        iam_client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    assert ended["Status"] == "FAILED"
    assert "Access Denied" in ended["Error"]
    assert all("Access Denied" in detail["errorMessage"] for detail in failed)
    assert home.ask(TEMPERATURES, thing=thing) == []
    # The next load makes up for it.
    assert home.load()["Status"] == "FINISHED"
    assert home.ask(TEMPERATURES, thing=thing) == [["m", 1.0]]


def test_an_object_that_cannot_be_read_costs_only_itself(home: Warehouse) -> None:
    thing = next(things)
    home.deliver({"thing": thing, "message_id": "healthy", "at": _at(), "temperature": 3.0})
    hour, _, _ = max(home.objects()).rpartition("/")
    poison = [f"{hour}/no-parquet's", f"{hour}/half"]
    s3 = home.client("s3")
    s3.put_object(Bucket=home.outputs["Bucket"], Key=poison[0], Body=b'{"temperature": 1}')
    whole = s3.get_object(Bucket=home.outputs["Bucket"], Key=max(home.objects() - set(poison)))["Body"].read()
    s3.put_object(Bucket=home.outputs["Bucket"], Key=poison[1], Body=whole[: len(whole) // 2])
    try:
        assert home.load()["Status"] == "FAILED"
        failed = home.failed_objects(set(poison))
        eventually(lambda: home.ask(TEMPERATURES, thing=thing), what="what is in the other objects")
    finally:
        for key in poison:
            s3.delete_object(Bucket=home.outputs["Bucket"], Key=key)
    assert all(detail["state"] == "FAILED" and detail["errorMessage"] for detail in failed)
    assert home.ask(TEMPERATURES, thing=thing) == [["healthy", 3.0]]
    assert home.load()["Status"] == "FINISHED"


def test_who_may_read_sees_the_results_of_own_statements_only(home: Warehouse) -> None:
    data, others = home.client("redshift-data", "Analyst"), home.client("redshift-data")
    assert home.ask("SELECT 1 + 1", data) == [[2]]
    foreign = others.execute_statement(WorkgroupName=home.outputs["Workgroup"], Database="telemetry", Sql="SELECT 1")
    for ask in (data.describe_statement, data.get_statement_result):
        with pytest.raises(ClientError, match="AccessDenied"):
            ask(Id=foreign["Id"])
    with pytest.raises(ClientError, match="AccessDenied"):
        home.ask("SELECT 1", home.client("redshift-data", "Stranger"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/out.csv'",
        "ATTACH '/tmp/other.db'",
        "INSTALL httpfs",
    ],
)
def test_sql_reaches_no_file_of_the_machine(home: Warehouse, sql: str) -> None:
    data = home.client("redshift-data")
    started = data.execute_statement(WorkgroupName=home.outputs["Workgroup"], Database="telemetry", Sql=sql)
    assert home.ended(data, started["Id"])["Status"] == "FAILED"
