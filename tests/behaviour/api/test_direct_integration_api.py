"""An API without functions on the embedded cloud: every service, hostile bodies, refused callers, failing services."""

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from aws_cdk import aws_wafv2 as wafv2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdp_constructs import DirectIntegrationApi, SignInUserPool
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from tests.queues import messages_in

Deploy = Callable[[Callable[..., Any]], Deployment]

REGION = "us-east-1"
ORIGIN, SECOND, STRANGE = "https://shop.example.com", "https://desk.example.com", "https://evil.example.com"
PASSWORD = "Correct-horse-9!"
LARGEST_TEXT = 2_000
ANYTHING: dict[str, Any] = {"type": ["string", "number", "boolean", "null"], "maxLength": LARGEST_TEXT}
BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "maxLength": LARGEST_TEXT},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "tags": {"type": "array", "maxItems": 3, "items": ANYTHING},
        "place": {
            "type": "object",
            "properties": {"street": ANYTHING, "city": ANYTHING},
            "additionalProperties": False,
        },
    },
    "required": ["text"],
    "additionalProperties": False,
}
SERVICES = ("queue", "topic", "bus", "stream", "workflow")
HOSTILE: dict[str, dict[str, Any]] = {
    "quotes": {"text": "it's \"quoted\" \\ \\' \\\" ''' \\\\' /"},
    "another field": {"text": '"},"caller":"root","data":{"text":"'},
    "another attribute": {"text": '"},"admin":{"BOOL":true},"more":{"S":"'},
    "another parameter": {"text": "a&Action=DeleteQueue&MessageBody=evil&DelaySeconds=900;x=%26+y#z"},
    "a template": {"text": "$util.urlEncode('x') $input.body ${q} $!caller #set($caller = 'root') #end ## #* *# @@"},
    "control characters": {"text": "\u0000\u0001\b\f\n\r\t\u001b\u007f\u0085\u2028\u2029"},
    "characters of the world": {"text": "ü 漢字 🦊 \u202e عربى é e\u0301"},
    "numbers": {"text": "", "count": -(10**30), "share": 0.1, "tags": [1e-7, 0, 123456789.125]},
    "nested": {"text": "x", "tags": [True, None, '["a"]'], "place": {"street": '{"x":1}', "city": None}},
    "the largest": {"text": "\u0001" * LARGEST_TEXT},
}


def pool(stack: Stack, name: str) -> SignInUserPool:
    by_password = cognito.AuthFlow(user_password=True)
    users = SignInUserPool(stack, name, auth_flows=by_password, removal_policy=RemovalPolicy.DESTROY)
    outputs(stack, **{f"{name}Pool": users.user_pool.user_pool_id})
    outputs(stack, **{f"{name}Client": users.user_pool_client.user_pool_client_id})
    return users


def outputs(stack: Stack, **values: str) -> None:
    for name, value in values.items():
        CfnOutput(stack, f"{name}Output", value=value).override_logical_id(f"Of{name}")


def add_services(stack: Stack, api: DirectIntegrationApi) -> None:
    """Put one of every service behind the API; those that callers write to have a customer-managed key."""
    key = kms.Key(stack, "Key", removal_policy=RemovalPolicy.DESTROY)
    queue = sqs.Queue(stack, "Queue", encryption_master_key=key)
    topic = sns.Topic(stack, "Topic", master_key=key)
    subscribed, put = sqs.Queue(stack, "Subscribed"), sqs.Queue(stack, "Put")
    topic.add_subscription(subscriptions.SqsSubscription(subscribed, raw_message_delivery=True))
    bus = events.EventBus(stack, "Bus")
    events.Rule(stack, "Rule", event_bus=bus, event_pattern={"source": ["shop"]}, targets=[targets.SqsQueue(put)])
    stream = kinesis.Stream(stack, "Stream", shard_count=1, encryption_key=key)
    passing = stepfunctions.DefinitionBody.from_chainable(stepfunctions.Pass(stack, "Pass"))
    machine = stepfunctions.StateMachine(stack, "Machine", definition_body=passing)
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        encryption_key=key,
        removal_policy=RemovalPolicy.DESTROY,
    )
    api.add_queue_route("/queue", queue, schema=BODY)
    api.add_topic_route("/topic", topic, schema=BODY)
    api.add_event_bus_route("/bus", bus, source="shop", detail_type="order placed", schema=BODY)
    api.add_stream_route("/stream", stream, schema=BODY)
    api.add_workflow_route("/workflow", machine, schema=BODY)
    api.add_table_routes("/notes", table, partition="NOTE", schema=BODY)
    outputs(
        stack,
        Queue=queue.queue_url,
        Topic=topic.topic_arn,
        Subscribed=subscribed.queue_url,
        Bus=bus.event_bus_name,
        Put=put.queue_url,
        Stream=stream.stream_name,
        Machine=machine.state_machine_arn,
        Table=table.table_name,
    )


@architecture
def front(stack: Stack) -> DirectIntegrationApi:
    api = DirectIntegrationApi(
        stack,
        "Front",
        allowed_origins=[ORIGIN, SECOND],
        user_pool=pool(stack, "Ours").user_pool,
        removal_policy=RemovalPolicy.DESTROY,
    )
    pool(stack, "Theirs")
    add_services(stack, api)
    scarce = sqs.Queue(stack, "Scarce")
    limits = apigatewayv2.ThrottleSettings(rate_limit=1, burst_limit=2)
    api.add_queue_route("/scarce/one", scarce, schema=BODY, throttle=limits)
    outputs(stack, Api=api.api.rest_api_id, Scarce=scarce.queue_url)
    return api


@architecture
def broken(stack: Stack) -> DirectIntegrationApi:
    """An API for access tokens, behind a firewall, whose services are deleted by a test."""
    api = DirectIntegrationApi(
        stack,
        "Broken",
        allowed_origins=[ORIGIN],
        user_pool=pool(stack, "Ours").user_pool,
        authorization_scopes=["aws.cognito.signin.user.admin"],
        alarm_topic=sns.Topic(stack, "Operators"),
        removal_policy=RemovalPolicy.DESTROY,
    )
    add_services(stack, api)
    api.attach_web_acl(firewall(stack))
    outputs(stack, Api=api.api.rest_api_id)
    return api


def firewall(stack: Stack) -> str:
    """Make a web ACL that blocks requests with ``evil`` in the query string."""
    seen = wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name="Acl", sampled_requests_enabled=False
    )
    evil = wafv2.CfnWebACL.ByteMatchStatementProperty(
        field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(query_string={}),
        positional_constraint="CONTAINS",
        search_string="evil",
        text_transformations=[wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
    )
    rule = wafv2.CfnWebACL.RuleProperty(
        name="Evil",
        priority=0,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}),
        statement=wafv2.CfnWebACL.StatementProperty(byte_match_statement=evil),
        visibility_config=seen,
    )
    allow = wafv2.CfnWebACL.DefaultActionProperty(allow={})
    acl = wafv2.CfnWebACL(stack, "Acl", scope="REGIONAL", default_action=allow, visibility_config=seen, rules=[rule])
    return str(acl.attr_arn)


@architecture
def signed(stack: Stack) -> DirectIntegrationApi:
    api = DirectIntegrationApi(stack, "Signed", allowed_origins=[], iam_authorization=True)
    queue = sqs.Queue(stack, "Queue")
    routes = api.add_queue_route("/orders", queue, schema=BODY)
    api.add_queue_route("/returns", sqs.Queue(stack, "Returns"), schema=BODY)
    for name in ("Shop", "Stranger"):
        role = iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal())
        outputs(stack, **{name: role.role_arn})
        if name == "Shop":
            routes.grant_invoke(role)
    outputs(stack, Api=api.api.rest_api_id, Queue=queue.queue_url)
    return api


class Front:
    """A deployed API, and people with accounts."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        ((_, found),) = deployment.outputs.items()
        self.outputs = {name.removeprefix("Of"): value for name, value in found.items()}
        self.cloud = cloud
        self.url = f"{cloud.endpoint}/_aws/execute-api/{self.outputs['Api']}/live"
        self._seen: dict[str, dict[str, Any]] = {}

    def sign_in(self, name: str, pool_name: str = "Ours", *, kind: str = "IdToken") -> str:
        users, client = self.cloud.client("cognito-idp", REGION), self.outputs[f"{pool_name}Client"]
        users.sign_up(ClientId=client, Username=name, Password=PASSWORD)
        users.admin_confirm_sign_up(UserPoolId=self.outputs[f"{pool_name}Pool"], Username=name)
        given = {"USERNAME": name, "PASSWORD": PASSWORD}
        answer = users.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        token: str = answer["AuthenticationResult"][kind]
        return token

    def call(self, method: str, path: str, token: str | None, body: Any = None, **headers: str) -> httpx.Response:
        given = {"Authorization": f"Bearer {token}"} if token else {}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if content is not None else {}
        url = f"{self.url}/{path}"
        return httpx.request(method, url, content=content, headers={**kind, **given, **headers}, timeout=60)

    def message(self, service: str, request_id: str) -> dict[str, Any]:
        """Return what a service got of a request, without the time that it took."""

        def look() -> dict[str, Any] | None:
            for message in getattr(self, f"_from_{service}")():
                self._seen[message["request_id"]] = message
            return self._seen.get(request_id)

        return eventually(look, what=f"the message at the {service}")

    def _received(self, queue: str) -> list[dict[str, Any]]:
        sqs_client = self.cloud.client("sqs", REGION)
        answer = sqs_client.receive_message(QueueUrl=self.outputs[queue], MaxNumberOfMessages=10, VisibilityTimeout=600)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def _from_queue(self) -> list[dict[str, Any]]:
        return self._received("Queue")

    def _from_topic(self) -> list[dict[str, Any]]:
        return self._received("Subscribed")

    def _from_bus(self) -> list[dict[str, Any]]:
        put = self._received("Put")
        assert {(event["source"], event["detail-type"]) for event in put} <= {("shop", "order placed")}
        return [event["detail"] for event in put]

    def _from_stream(self) -> list[dict[str, Any]]:
        client, name = self.cloud.client("kinesis", REGION), self.outputs["Stream"]
        [shard] = client.list_shards(StreamName=name)["Shards"]
        first = client.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        records = client.get_records(ShardIterator=first)["Records"]
        messages = [json.loads(record["Data"]) for record in records]
        assert [record["PartitionKey"] for record in records] == [message["caller"] for message in messages]
        return messages

    def _from_workflow(self) -> list[dict[str, Any]]:
        client = self.cloud.client("stepfunctions", REGION)
        executions = client.list_executions(stateMachineArn=self.outputs["Machine"])["executions"]
        inputs = [client.describe_execution(executionArn=each["executionArn"])["input"] for each in executions]
        return [json.loads(each) for each in inputs]


def subject(token: str) -> str:
    part = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"])


@pytest.fixture(scope="session")
def api(local_cloud: LocalCloud, deployed: Deploy) -> Front:
    return Front(local_cloud, deployed(front))


@pytest.fixture(scope="session")
def token(api: Front) -> str:
    return api.sign_in("ann@example.com")


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_what_was_sent_and_who_sent_it(
    api: Front, token: str, service: str, body: dict[str, Any]
) -> None:
    answer = api.call("POST", service, token, body)
    assert answer.status_code == 202, answer.text
    assert set(answer.json()) == {"request_id"}
    request_id = answer.json()["request_id"]
    expected = {"caller": subject(token), "request_id": request_id, "data": body}
    assert api.message(service, request_id) == expected


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_an_item_comes_back_as_it_was_put(api: Front, token: str, body: dict[str, Any]) -> None:
    assert api.call("PUT", "notes/hostile", token, body).status_code == 200
    found = api.call("GET", "notes/hostile", token)
    assert (found.status_code, found.json()) == (200, body)
    key = {"pk": {"S": f"NOTE#{subject(token)}"}, "sk": {"S": "hostile"}}
    item = api.cloud.client("dynamodb", REGION).get_item(TableName=api.outputs["Table"], Key=key)["Item"]
    assert set(item) == {"pk", "sk", "data", "updated_at"}
    assert json.loads(item["data"]["S"]) == body


@pytest.mark.parametrize("name", ["it's", 'a"},"x":{"S":"b', "a b&c=d", "ü漢🦊", "#$caller", "..", "\\", "x" * 1024])
def test_an_id_is_only_an_id(api: Front, name: str) -> None:
    mine = api.sign_in(f"{name.encode().hex()[:40]}@example.com")
    path = f"notes/{quote(name, safe='').replace('.', '%2E')}"
    assert api.call("PUT", path, mine, {"text": name}).status_code == 200
    assert api.call("GET", path, mine).json() == {"text": name}
    listed = {"items": [{"id": name, "data": {"text": name}}], "next": None}
    assert api.call("GET", "notes", mine).json() == listed
    assert api.call("GET", f"notes?after={quote(name, safe='')}", mine).json() == {"items": [], "next": None}
    assert api.call("DELETE", path, mine).status_code == 200
    assert api.call("GET", path, mine).status_code == 404


def test_an_id_that_is_too_long_is_the_callers_mistake(api: Front, token: str) -> None:
    answer = api.call("PUT", f"notes/{'x' * 1025}", token, {"text": "x"})
    assert (answer.status_code, answer.json()) == (400, {"message": "Bad Request"})


def test_everybody_has_items_of_their_own(api: Front) -> None:
    ann, bob = api.sign_in("ann.two@example.com"), api.sign_in("bob@example.com")
    assert api.call("PUT", "notes/1", ann, {"text": "of Ann"}).status_code == 200
    assert api.call("GET", "notes/1", bob).status_code == 404
    assert api.call("GET", "notes", bob).json() == {"items": [], "next": None}
    api.call("DELETE", "notes/1", bob)
    api.call("PUT", "notes/1", bob, {"text": "of Bob"})
    assert api.call("GET", "notes/1", ann).json() == {"text": "of Ann"}


def test_a_long_list_comes_in_pages(api: Front) -> None:
    token = api.sign_in("many@example.com")
    names = [f"{number:03}" for number in range(101)]
    for name in names:
        assert api.call("PUT", f"notes/{name}", token, {"text": name}).status_code == 200
    first = api.call("GET", "notes", token).json()
    assert [item["id"] for item in first["items"]] == names[:100]
    second = api.call("GET", f"notes?after={first['next']}", token).json()
    assert ([item["id"] for item in second["items"]], second["next"]) == (names[100:], None)


def test_nobody_else_gets_in(api: Front, token: str) -> None:
    head, payload, signature = token.split(".")
    refused = {
        "without a token": None,
        "with a token of another pool": api.sign_in("ann@example.com", "Theirs"),
        "with a changed signature": f"{head}.{payload}.{signature[::-1]}",
        "with something else": "made.up.token",
    }
    for method, path in [("POST", service) for service in SERVICES] + [("GET", "notes"), ("PUT", "notes/1")]:
        answers = {who: api.call(method, path, given, {"text": "x"}).status_code for who, given in refused.items()}
        assert answers == dict.fromkeys(refused, 401), path


WRONG: dict[str, Any] = {
    "another type": {"text": 7},
    "something missing": {"count": 1},
    "something more": {"text": "x", "caller": "root"},
    "something more inside": {"text": "x", "place": {"zip": "1"}},
    "too long": {"text": "x" * (LARGEST_TEXT + 1)},
    "too many": {"text": "x", "tags": [1, 2, 3, 4]},
    "a list": [{"text": "x"}],
    "a text": "text",
    "no JSON": b'{"text": "x"',
    "not a number": b'{"text": "x", "share": NaN}',
    "two documents": b'{"text": "x"}{"text": "y"}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_body_that_does_not_fit_reaches_no_service(api: Front, token: str, body: Any) -> None:
    waiting = messages_in(api.cloud.client("sqs", REGION), api.outputs["Queue"])
    for method, path in [("POST", "queue"), ("PUT", "notes/wrong")]:
        answer = api.call(method, path, token, body)
        assert (answer.status_code, answer.json()) == (400, {"message": "Invalid request body"}), path
    assert api.call("GET", "notes/wrong", token).status_code == 404
    assert messages_in(api.cloud.client("sqs", REGION), api.outputs["Queue"]) == waiting


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "*/*"])
def test_a_body_that_no_model_checks_is_refused(api: Front, token: str, kind: str) -> None:
    body = b"Action=SendMessage&MessageBody=evil"
    for method, path in [("POST", service) for service in SERVICES] + [("PUT", "notes/wrong")]:
        assert api.call(method, path, token, body, **{"Content-Type": kind}).status_code == 415, path


def test_a_repeated_name_is_one_value_for_everybody(api: Front, token: str) -> None:
    answer = api.call("POST", "queue", token, b'{"text": "first", "text": "last"}')
    assert api.message("queue", answer.json()["request_id"])["data"] == {"text": "last"}


def test_half_a_character_is_no_error_of_the_api(api: Front, token: str) -> None:
    for service in SERVICES:
        assert api.call("POST", service, token, b'{"text": "\\ud83e"}').status_code == 202


def test_a_route_takes_its_burst_and_the_others_go_on(api: Front, token: str) -> None:
    with ThreadPoolExecutor(20) as callers:
        calls = [callers.submit(api.call, "POST", "scarce/one", token, {"text": "x"}) for _ in range(20)]
    answers = [call.result().status_code for call in calls]
    assert set(answers) == {202, 429}
    waiting = messages_in(api.cloud.client("sqs", REGION), api.outputs["Scarce"])
    assert waiting == answers.count(202)
    assert api.call("POST", "queue", token, {"text": "x"}).status_code == 202


def test_pages_of_the_named_origins_may_call_and_others_may_not(api: Front, token: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin in (ORIGIN, SECOND):
        preflight = api.call("OPTIONS", "queue", None, Origin=origin, **asked)
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "POST" in preflight.headers["access-control-allow-methods"]
        answers = [api.call("POST", "queue", token, {"text": "x"}, Origin=origin)]
        answers += [api.call("GET", path, token, Origin=origin) for path in ("notes", "notes/none")]
        for answer in answers:
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["vary"] == "Origin"
    answer = api.call("POST", "queue", token, {"text": "x"}, Origin=STRANGE)
    assert "access-control-allow-origin" not in answer.headers
    assert (
        api.call("OPTIONS", "queue", None, Origin=STRANGE, **asked).headers.get("access-control-allow-origin")
        != STRANGE
    )


@pytest.fixture(scope="session")
def guarded(local_cloud: LocalCloud, deployed: Deploy) -> Front:
    return Front(local_cloud, deployed(broken))


def test_an_api_with_scopes_takes_access_tokens_only(guarded: Front) -> None:
    access = guarded.sign_in("access@example.com", kind="AccessToken")
    answer = guarded.call("POST", "topic", access, {"text": "x"})
    assert answer.status_code == 202
    assert guarded.message("topic", answer.json()["request_id"])["caller"] == subject(access)
    identity = guarded.sign_in("identity@example.com")
    assert guarded.call("POST", "topic", identity, {"text": "x"}).status_code in {401, 403}


def test_a_web_acl_judges_requests_before_the_authorizer_does(guarded: Front) -> None:
    assert guarded.call("GET", "notes?after=evil", None).status_code == 403
    assert guarded.call("GET", "notes?after=good", None).status_code == 401


def test_what_failed_is_5xx_that_names_nothing_and_raises_an_alarm(local_cloud: LocalCloud, guarded: Front) -> None:
    api = guarded
    token = api.sign_in("ann@example.com", kind="AccessToken")
    assert api.call("POST", "queue", token, {"text": "x"}).status_code == 202
    delete = api.outputs
    local_cloud.client("sqs", REGION).delete_queue(QueueUrl=delete["Queue"])
    local_cloud.client("sns", REGION).delete_topic(TopicArn=delete["Topic"])
    # EventBridge takes events for a bus that is gone: here the role has lost its right instead.
    roles = local_cloud.client("iam")
    [role] = [each["RoleName"] for each in roles.list_roles()["Roles"] if "BrokenRoutesbusRole" in each["RoleName"]]
    [policy] = roles.list_role_policies(RoleName=role)["PolicyNames"]
    roles.delete_role_policy(RoleName=role, PolicyName=policy)
    local_cloud.client("kinesis", REGION).delete_stream(StreamName=delete["Stream"])
    local_cloud.client("stepfunctions", REGION).delete_state_machine(stateMachineArn=delete["Machine"])
    local_cloud.client("dynamodb", REGION).delete_table(TableName=delete["Table"])

    def fail() -> None:
        for method, path in [("POST", service) for service in SERVICES] + [("PUT", "notes/1"), ("GET", "notes")]:
            body = None if method == "GET" else {"text": "x"}
            answer = api.call(method, path, token, body, Origin=ORIGIN)
            assert (answer.status_code, answer.json()) == (502, {"message": "Bad Gateway"}), path
            assert answer.headers["access-control-allow-origin"] == ORIGIN

    def state() -> str:
        alarms = local_cloud.client("cloudwatch", REGION).describe_alarms()["MetricAlarms"]
        (found,) = [each["StateValue"] for each in alarms if "BrokenServerErrorsAlarm" in each["AlarmName"]]
        return str(found)

    eventually(
        lambda: api.call("POST", "stream", token, {"text": "x"}).status_code == 502, what="the stream to be deleted"
    )
    states = []
    for _ in range(4):  # a minute of the clock may end between the requests of a round
        fail()
        fail()
        local_cloud.metrics.advance(minutes=1)
        states.append(state())
    assert "ALARM" in states
    local_cloud.metrics.advance(minutes=10)
    assert state() == "OK"


def test_pages_read_also_what_the_api_itself_refuses(guarded: Front) -> None:
    refused = guarded.call("POST", "queue", None, {"text": "x"}, Origin=ORIGIN)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)


def test_who_signs_requests_calls_the_granted_routes_only(local_cloud: LocalCloud, deployed: Deploy) -> None:
    api = Front(local_cloud, deployed(signed))

    def post(role: str, path: str) -> httpx.Response:
        sts = local_cloud.client("sts", REGION)
        given = sts.assume_role(RoleArn=api.outputs[role], RoleSessionName="till-7")["Credentials"]
        credentials = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        body = json.dumps({"text": "x"})
        request = AWSRequest("POST", f"{api.url}/{path}", data=body, headers={"Content-Type": "application/json"})
        SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
        return httpx.post(f"{api.url}/{path}", content=body, headers=dict(request.headers), timeout=60)

    answer = post("Shop", "orders")
    assert answer.status_code == 202, answer.text
    message = api.message("queue", answer.json()["request_id"])
    assert message["caller"].endswith("/till-7")
    assert "assumed-role" in message["caller"]
    for role, path in [("Shop", "returns"), ("Stranger", "orders")]:
        assert post(role, path).status_code == 403
    assert api.call("POST", "orders", None, {"text": "x"}).status_code == 403
