"""What DeepHealthCheck answers when it is deployed: all fine, dependencies gone, hanging, forbidden."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from botocore.exceptions import ClientError

from cdp_constructs import DeepHealthCheck
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture

REGION = "ap-northeast-1"
# Takes connections (the kernel does) and never answers, for as long as this module lives.
SILENT = socket.create_server(("127.0.0.1", 0))

Get = Callable[[str], httpx.Response]


@architecture(env=Environment(region=REGION))
def region(stack: Stack) -> None:
    api = apigatewayv2.HttpApi(
        stack,
        "Api",
        default_authorizer=authorizers.HttpJwtAuthorizer(
            "SignedIn", f"https://cognito-idp.{REGION}.amazonaws.com/{REGION}_made-up", jwt_audience=["app"]
        ),
    )
    key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    sort_key = dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING)
    table = dynamodb.TableV2(stack, "Table", partition_key=key, sort_key=sort_key, removal_policy=RemovalPolicy.DESTROY)
    bucket = s3.Bucket(stack, "Bucket", removal_policy=RemovalPolicy.DESTROY)
    queue = sqs.Queue(stack, "Queue")
    # With a policy of its own: that of a bare topic lets everybody in the account publish.
    topic = sns.Topic(stack, "Topic", enforce_ssl=True)
    now = Duration.seconds(0)

    # Answers from a cache would show the tests the past.
    serving = _check(stack, api, "serving", cache_for=now)
    serving.add_table(table)
    serving.add_bucket(bucket, hard=False)
    serving.add_queue(queue, hard=False)
    serving.add_topic(topic, hard=False)

    _check(stack, api, "remembering", cache_for=Duration.seconds(3)).add_table(table)

    hanging = _check(stack, api, "hanging", cache_for=now, time_budget=Duration.millis(400))
    hanging.add_http(f"http://127.0.0.1:{SILENT.getsockname()[1]}/", hard=False)
    hanging.add_table(table)

    blind = _check(stack, api, "blind", cache_for=now)
    blind.add_table(table)

    CfnOutput(stack, "ApiId", value=api.api_id)
    CfnOutput(stack, "TableName", value=table.table_name)
    CfnOutput(stack, "BucketName", value=bucket.bucket_name)
    CfnOutput(stack, "QueueUrl", value=queue.queue_url)
    CfnOutput(stack, "TopicArn", value=topic.topic_arn)
    for name, check in (("Serving", serving), ("Blind", blind)):
        assert check.function.role is not None
        CfnOutput(stack, f"{name}RoleName", value=check.function.role.role_name)


def _check(stack: Stack, api: apigatewayv2.HttpApi, name: str, **options: Any) -> DeepHealthCheck:
    return DeepHealthCheck(stack, name.capitalize(), api=api, path=f"/{name}/deep", shallow_path=f"/{name}", **options)


@pytest.fixture(scope="session")
def outputs(deployed: Callable[..., Deployment]) -> dict[str, str]:
    (found,) = deployed(region).outputs.values()
    return dict(found)


@pytest.fixture(scope="session")
def get(local_cloud: LocalCloud, outputs: dict[str, str]) -> Iterator[Get]:
    with httpx.Client(base_url=local_cloud.http_api_url(outputs["ApiId"], REGION), timeout=30) as client:
        # Every environment starts here; a cold start on a busy machine is not what the tests are about.
        for path in ("/serving/deep", "/hanging/deep", "/blind/deep", "/remembering"):
            assert client.get(path).status_code == 200
        yield client.get


def test_a_region_with_all_its_dependencies_is_healthy(get: Get) -> None:
    response = get("/serving/deep")
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "ok"
    assert {name: (found["status"], found["hard"]) for name, found in body["dependencies"].items()} == {
        "table": ("ok", True),
        "bucket": ("ok", False),
        "queue": ("ok", False),
        "topic": ("ok", False),
    }
    assert all(0 <= found["latency_ms"] < 1500 for found in body["dependencies"].values())


def test_nobody_on_the_way_may_store_the_answer(get: Get) -> None:
    assert get("/serving/deep").headers["cache-control"] == "no-store"


def test_a_failing_table_takes_the_region_out_and_its_return_brings_it_back(local_cloud: LocalCloud, get: Get) -> None:
    with local_cloud.inject_fault("dynamodb", REGION):
        response = get("/serving/deep")
        assert response.status_code == 503
        assert response.json()["status"] == "failing"
        table = response.json()["dependencies"]["table"]
        assert (table["status"], table["error"]) == ("failing", "other")
        assert get("/serving").status_code == 200, "the shallow route asks nobody"
    assert get("/serving/deep").status_code == 200


@pytest.mark.parametrize(
    ("service", "dependency", "error", "said"),
    [
        ("s3", "bucket", "SlowDown", "throttled"),
        ("sqs", "queue", "ServiceUnavailable", "other"),
        ("sns", "topic", "InternalError", "other"),
    ],
)
def test_a_failing_soft_dependency_only_degrades_the_region(
    local_cloud: LocalCloud, get: Get, *, service: str, dependency: str, error: str, said: str
) -> None:
    with local_cloud.inject_fault(service, REGION, error=error):
        response = get("/serving/deep")
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "degraded"
    failing = {name: found["error"] for name, found in body["dependencies"].items() if found["status"] == "failing"}
    assert failing == {dependency: said}


def test_another_regions_outage_is_not_ours(local_cloud: LocalCloud, get: Get) -> None:
    with local_cloud.inject_fault("dynamodb", "us-west-2"):
        assert get("/serving/deep").json()["status"] == "ok"


def test_a_hanging_dependency_does_not_hold_the_answer(get: Get) -> None:
    started = time.monotonic()
    response = get("/hanging/deep")
    took = time.monotonic() - started
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "degraded"
    hanging = body["dependencies"]["http"]
    assert (hanging["status"], hanging["hard"], hanging["error"]) == ("failing", False, "timeout")
    # The time budget of this check is 400 ms; a busy machine notices its end a little later.
    assert 400 <= hanging["latency_ms"] < 600
    assert body["dependencies"]["table"]["status"] == "ok"
    assert 0.4 <= took < 1.4, f"{took:.2f} s: Route 53 would not have waited much longer"


def test_an_answer_is_given_again_for_a_while(local_cloud: LocalCloud, get: Get) -> None:
    assert get("/remembering/deep").json()["status"] == "ok"
    with local_cloud.inject_fault("dynamodb", REGION):
        assert get("/remembering/deep").status_code == 200
        time.sleep(3.1)
        assert get("/remembering/deep").status_code == 503


def test_the_answer_names_no_resource(local_cloud: LocalCloud, get: Get, outputs: dict[str, str]) -> None:
    with local_cloud.inject_fault("dynamodb", REGION):
        answers = get("/serving/deep").text + get("/serving").text
    for secret in ("arn:", "Error", *(outputs[name] for name in ("TableName", "BucketName", "QueueUrl"))):
        assert secret not in answers


def test_many_checkers_at_once_are_answered(get: Get) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(get("/serving/deep").status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 8


def test_the_role_may_ask_and_nothing_else(local_cloud: LocalCloud, outputs: dict[str, str]) -> None:
    role = _become(local_cloud, outputs["ServingRoleName"])
    table, s3_client, sqs_client = (local_cloud.client(service, REGION, role) for service in ("dynamodb", "s3", "sqs"))
    probe = {"pk": {"S": "health-check"}, "sk": {"S": "health-check"}}
    name, bucket, queue = outputs["TableName"], outputs["BucketName"], outputs["QueueUrl"]
    table.get_item(TableName=name, Key=probe)
    s3_client.list_objects_v2(Bucket=bucket, Prefix="health-check/")

    denied: dict[str, Callable[[], object]] = {
        "read another key": lambda: table.get_item(TableName=name, Key={**probe, "pk": {"S": "customer"}}),
        "write": lambda: table.put_item(TableName=name, Item=probe),
        "read everything": lambda: table.scan(TableName=name),
        "list everything": lambda: s3_client.list_objects_v2(Bucket=bucket),
        "list another prefix": lambda: s3_client.list_objects_v2(Bucket=bucket, Prefix="private/"),
        "read an object": lambda: s3_client.get_object(Bucket=bucket, Key="health-check/any"),
        "receive": lambda: sqs_client.receive_message(QueueUrl=queue),
        "send": lambda: sqs_client.send_message(QueueUrl=queue, MessageBody="x"),
        "publish": lambda: local_cloud.client("sns", REGION, role).publish(TopicArn=outputs["TopicArn"], Message="x"),
    }
    assert [what for what, call in denied.items() if not _is_denied(call)] == []


def _is_denied(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return "AccessDenied" in str(error) or "AuthorizationError" in str(error)
    return False


def test_a_lost_permission_does_not_take_the_region_out(
    local_cloud: LocalCloud, get: Get, outputs: dict[str, str]
) -> None:
    assert get("/blind/deep").json()["status"] == "ok"
    iam = local_cloud.client("iam", REGION)
    role = outputs["BlindRoleName"]
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    response = get("/blind/deep")
    assert response.status_code == 200
    assert response.json()["status"] == "unknown"
    assert response.json()["dependencies"]["table"]["status"] == "unknown"


def _become(cloud: LocalCloud, role_name: str) -> dict[str, str]:
    """Return credentials of a function's role, which trusts only Lambda until here."""
    iam = cloud.client("iam", REGION)
    account = cloud.client("sts", REGION).get_caller_identity()["Account"]
    trust = iam.get_role(RoleName=role_name)["Role"]["AssumeRolePolicyDocument"]
    trust["Statement"].append(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    )
    iam.update_assume_role_policy(RoleName=role_name, PolicyDocument=json.dumps(trust))
    arn = iam.get_role(RoleName=role_name)["Role"]["Arn"]
    answer = cloud.client("sts", REGION).assume_role(RoleArn=arn, RoleSessionName="test")
    credentials: dict[str, str] = answer["Credentials"]
    return credentials
