"""What the templates of DirectIntegrationApi promise, and what its mapping templates make of what callers send."""

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from aws_cdk import aws_wafv2 as wafv2
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DirectIntegrationApi, InvalidOptionError
from cdp_constructs.api import _mapping_templates as mapping_templates
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.local.services.apigateway.mapping_templates import Variables, render
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import direct_integration_api as example

ORIGIN = "https://shop.example.com"
PLACE = "us-west-2:111122223333"
KEY_ARN = f"arn:aws:kms:{PLACE}:key/11111111-2222-3333-4444-555555555555"
ACL_ARN = f"arn:aws:wafv2:{PLACE}:regional/webacl/shop/11111111-2222-3333-4444-555555555555"
BODY = example.ORDER


def add_imported(api: DirectIntegrationApi, stack: Stack, limits: apigatewayv2.ThrottleSettings | None = None) -> None:
    """Add a route to an imported resource of each service."""
    key = kms.Key.from_key_arn(stack, "DataKey", KEY_ARN)
    orders = sqs.Queue.from_queue_attributes(stack, "Queue", queue_arn=f"arn:aws:sqs:{PLACE}:orders", key_arn=KEY_ARN)
    topic = sns.Topic.from_topic_attributes(stack, "Topic", topic_arn=f"arn:aws:sns:{PLACE}:news", key_arn=KEY_ARN)
    bus = events.EventBus.from_event_bus_arn(stack, "Bus", f"arn:aws:events:{PLACE}:event-bus/shop")
    stream = kinesis.Stream.from_stream_attributes(
        stack, "Stream", stream_arn=f"arn:aws:kinesis:{PLACE}:stream/readings", encryption_key=key
    )
    machine = stepfunctions.StateMachine.from_state_machine_arn(
        stack, "Machine", f"arn:aws:states:{PLACE}:stateMachine:returns"
    )
    api.add_queue_route("/orders", orders, schema=BODY, throttle=limits)
    api.add_topic_route("/news", topic, schema=BODY)
    api.add_event_bus_route("/events", bus, source="shop", detail_type="order placed", schema=BODY)
    api.add_stream_route("/readings", stream, schema=BODY)
    api.add_workflow_route("/returns", machine, schema=BODY)


def queue(stack: Stack, name: str) -> sqs.Queue:
    kept = add_dead_letter_queue(stack, f"{name}DeadLetterQueue", alarm_topic=None, holds="failed orders")
    return add_work_queue(stack, name, dead_letter_queue=kept, visibility_timeout=Duration.seconds(60))


def notes(stack: Stack) -> dynamodb.ITable:
    return dynamodb.TableV2.from_table_attributes(
        stack,
        "Notes",
        table_arn=f"arn:aws:dynamodb:{PLACE}:table/notes",
        encryption_key=kms.Key.from_key_arn(stack, "NotesKey", KEY_ARN),
    )


@architecture
def defaults(stack: Stack) -> DirectIntegrationApi:
    return example.build(stack)


def table(stack: Stack) -> dynamodb.TableV2:
    string = dynamodb.AttributeType.STRING
    return dynamodb.TableV2(
        stack,
        "Notes",
        partition_key=dynamodb.Attribute(name="pk", type=string),
        sort_key=dynamodb.Attribute(name="sk", type=string),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )


@architecture(env=Environment(region="us-west-2", account="111122223333"))
def all_options(stack: Stack) -> DirectIntegrationApi:
    """Everything exists already."""
    api = DirectIntegrationApi(
        stack,
        "Front",
        allowed_origins=[ORIGIN, "http://localhost:5173"],
        user_pool=cognito.UserPool.from_user_pool_id(stack, "Users", "us-west-2_Example"),
        authorization_scopes=["shop/write"],
        throttle=apigatewayv2.ThrottleSettings(rate_limit=200, burst_limit=100),
        account_log_role=True,
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Operations", f"arn:aws:sns:{PLACE}:operations"),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    limits = apigatewayv2.ThrottleSettings(rate_limit=5, burst_limit=10)
    add_imported(api, stack, limits)
    api.add_table_routes("/notes", notes(stack), partition="NOTE", schema=example.NOTE, throttle=limits)
    api.attach_web_acl(ACL_ARN)
    return api


@architecture(env=Environment(region="us-west-2", account="111122223333"))
def signed(stack: Stack) -> DirectIntegrationApi:
    api = DirectIntegrationApi(stack, "Front", allowed_origins=[], iam_authorization=True)
    add_imported(api, stack)
    shop = iam.Role(stack, "Shop", assumed_by=iam.AccountRootPrincipal())
    api.add_queue_route("/shop/sales", queue(stack, "Sales"), schema=BODY).grant_invoke(shop)
    return api


@architecture
def firewall_of_the_same_stack(stack: Stack) -> DirectIntegrationApi:
    visibility = wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name="Acl", sampled_requests_enabled=False
    )
    acl = wafv2.CfnWebACL(
        stack, "Acl", scope="REGIONAL", default_action={"allow": {}}, visibility_config=visibility, rules=[]
    )
    api = DirectIntegrationApi(stack, "Front", allowed_origins=[])
    api.add_queue_route("/orders", queue(stack, "Orders"), schema=BODY)
    api.attach_web_acl(acl.attr_arn)
    return api


@architecture
def two_in_one_stack(stack: Stack) -> None:
    orders = queue(stack, "Orders")
    for name in ("Shop", "Desk"):
        DirectIntegrationApi(stack, name, allowed_origins=[ORIGIN]).add_queue_route("/orders", orders, schema=BODY)


@architecture
def inside_a_stage(app: App) -> DirectIntegrationApi:
    return defaults(Stack(Stage(app, "DirectProd"), "Front"))


BUILDS = [defaults, all_options, signed, firewall_of_the_same_stack, two_in_one_stack, inside_a_stage]


@pytest.mark.parametrize("build", [defaults, all_options, signed], ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


def test_the_card_is_reviewed(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(all_options).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(DirectIntegrationApi, synthesis(defaults))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_finding_is_open(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def methods_of(built: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the methods by their paths and verbs."""
    resources = built.resources("AWS::ApiGateway::Resource")

    def path(logical_id: str) -> str:
        properties = resources[logical_id]["Properties"]
        parent = properties["ParentId"].get("Ref")
        return f"{path(parent) if parent else ''}/{properties['PathPart']}"

    methods = (each["Properties"] for each in built.resources("AWS::ApiGateway::Method").values())
    return {(path(each["ResourceId"]["Ref"]), each["HttpMethod"]): each for each in methods}


def calls_of(built: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the methods that call a service."""
    return {key: method for key, method in methods_of(built).items() if key[1] != "OPTIONS"}


def test_every_method_wants_a_caller_that_is_known(synthesis: Synthesis) -> None:
    assert {each["AuthorizationType"] for each in calls_of(synthesis(defaults)).values()} == {"COGNITO_USER_POOLS"}
    assert {each["AuthorizationType"] for each in calls_of(synthesis(signed)).values()} == {"AWS_IAM"}
    scopes = [each["AuthorizationScopes"] for each in calls_of(synthesis(all_options)).values()]
    assert scopes == [["shop/write"]] * len(scopes)
    preflights = [each for key, each in methods_of(synthesis(all_options)).items() if key[1] == "OPTIONS"]
    assert {each["Integration"]["Type"] for each in preflights} == {"MOCK"}, "which reaches no service"
    assert [key for key in methods_of(synthesis(signed)) if key[1] == "OPTIONS"] == []


def test_every_body_is_checked_and_nothing_else_goes_through(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    (validator,) = built.resources("AWS::ApiGateway::RequestValidator").values()
    assert validator["Properties"]["ValidateRequestBody"] is True
    for (path, verb), method in calls_of(built).items():
        integration = method["Integration"]
        assert (integration["PassthroughBehavior"], list(integration["RequestTemplates"])) == (
            "NEVER",
            ["application/json"],
        )
        assert method["RequestValidatorId"], path
        if verb in {"POST", "PUT"}:
            assert list(method["RequestModels"]) == ["application/json"], path
    schemas = [each["Properties"]["Schema"] for each in built.resources("AWS::ApiGateway::Model").values()]
    assert [schema["additionalProperties"] for schema in schemas] == [False] * 6


def test_a_role_does_one_thing_with_one_resource(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    policies = built.resources("AWS::IAM::Policy").values()
    found = {}
    for policy in policies:
        use, *keys = policy["Properties"]["PolicyDocument"]["Statement"]
        actions = use["Action"] if isinstance(use["Action"], list) else [use["Action"]]
        found[json.dumps(use["Resource"]).rpartition(":")[2].rpartition("/")[2].strip('"')] = actions
        assert "*" not in json.dumps(use["Resource"])
        for key in keys:
            assert key["Resource"] == KEY_ARN
            assert "kms:Decrypt" in key["Action"]
    assert found == {
        "orders": ["sqs:SendMessage"],
        "news": ["sns:Publish"],
        "shop": ["events:PutEvents"],
        "readings": ["kinesis:PutRecord"],
        "returns": ["states:StartExecution"],
        "notes": ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
    }
    encrypted = [each for each in policies if "kms:" in json.dumps(each)]
    assert len(encrypted) == 4, "queue, topic, stream and table"
    (of_table,) = [each for each in policies if "dynamodb:" in json.dumps(each)]
    (use, _) = of_table["Properties"]["PolicyDocument"]["Statement"]
    assert use["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["NOTE#*"]}}


def test_who_is_granted_a_route_calls_no_other(synthesis: Synthesis) -> None:
    policies = synthesis(signed).resources("AWS::IAM::Policy")
    (policy,) = [each for logical_id, each in policies.items() if logical_id.startswith("Shop")]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "execute-api:Invoke"
    assert json.dumps(statement["Resource"]).endswith('/POST/shop/sales"]]}')


def test_a_changed_schema_is_deployed() -> None:
    def deployment(schema: dict[str, Any]) -> str:
        stack = Stack(App(), "Stack")
        DirectIntegrationApi(stack, "Front", allowed_origins=[]).add_queue_route(
            "/orders", queue(stack, "Orders"), schema=schema
        )
        (logical_id,) = Template.from_stack(stack).find_resources("AWS::ApiGateway::Deployment")
        return str(logical_id)

    longer = {**BODY, "properties": {**BODY["properties"], "note": {"type": "string", "maxLength": 10}}}
    assert deployment(BODY) == deployment(BODY)
    assert deployment(BODY) != deployment(longer)


def test_the_log_says_who_and_what_and_no_contents(synthesis: Synthesis) -> None:
    (stage,) = synthesis(all_options).resources("AWS::ApiGateway::Stage").values()
    logged = json.loads(stage["Properties"]["AccessLogSetting"]["Format"])
    assert logged["user"] == "$context.authorizer.claims.sub"
    contents = ("body", "path", "requestOverride", "validationErrorString", "messageString", "error.message")
    assert [value for value in logged.values() for content in contents if content in value.split(".", 1)[1]] == []
    settings = stage["Properties"]["MethodSettings"]
    assert [each["DataTraceEnabled"] for each in settings] == [False] * len(settings)
    assert not any("LoggingLevel" in each for each in settings)
    assert stage["Properties"]["TracingEnabled"] is True
    (group,) = synthesis(all_options).resources("AWS::Logs::LogGroup").values()
    assert (group["Properties"]["RetentionInDays"], group["DeletionPolicy"]) == (7, "Delete")
    assert group["Properties"]["KmsKeyId"]


def test_methods_are_throttled_each_by_its_own_limit(synthesis: Synthesis) -> None:
    (stage,) = synthesis(all_options).resources("AWS::ApiGateway::Stage").values()
    limits = {
        (each["ResourcePath"], each["HttpMethod"]): (each["ThrottlingRateLimit"], each["ThrottlingBurstLimit"])
        for each in stage["Properties"]["MethodSettings"]
    }
    own = [("/~1orders", "POST"), ("/~1notes", "GET")]
    own += [("/~1notes~1{id}", method) for method in ("PUT", "GET", "DELETE")]
    assert limits == {("/*", "*"): (200, 100), **dict.fromkeys(own, (5, 10))}


def test_alarms_are_raised_when_somebody_listens(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()
    assert {each["Properties"]["MetricName"] for each in alarms} == {"5XXError", "Latency"}
    assert all(each["Properties"]["AlarmActions"] for each in alarms)
    assert not synthesis(defaults).resources("AWS::CloudWatch::Alarm")


def test_the_account_is_left_alone_unless_told_otherwise(synthesis: Synthesis) -> None:
    assert synthesis(defaults).resources("AWS::ApiGateway::Account") == {}
    assert len(synthesis(all_options).resources("AWS::ApiGateway::Account")) == 1


def test_a_web_acl_judges_the_stage(synthesis: Synthesis) -> None:
    (association,) = synthesis(all_options).resources("AWS::WAFv2::WebACLAssociation").values()
    assert association["Properties"]["WebACLArn"] == ACL_ARN
    assert "/stages/" in json.dumps(association["Properties"]["ResourceArn"])
    assert len(synthesis(firewall_of_the_same_stack).resources("AWS::WAFv2::WebACLAssociation")) == 1


def test_answers_of_the_gateway_name_no_resource(synthesis: Synthesis) -> None:
    (denied,) = synthesis(signed).resources("AWS::ApiGateway::GatewayResponse").values()
    assert denied["Properties"]["ResponseType"] == "ACCESS_DENIED"
    assert denied["Properties"]["ResponseTemplates"] == {"application/json": '{"message":"Forbidden"}'}
    of_one_origin = synthesis(defaults).resources("AWS::ApiGateway::GatewayResponse").values()
    origins = {each["Properties"]["ResponseType"]: each["Properties"]["ResponseParameters"] for each in of_one_origin}
    header = {"gatewayresponse.header.Access-Control-Allow-Origin": f"'{ORIGIN}'"}
    assert origins == dict.fromkeys(("ACCESS_DENIED", "DEFAULT_4XX", "DEFAULT_5XX"), header)


# --- What templates make ---------------------------------------------------------------------------------------------


def rendered(template: str, body: object, *, sub: str = "7", **path: str) -> tuple[Any, int | None]:
    """Return what API Gateway makes of a body, and the status that the template chose."""
    context: dict[str, Any] = {
        "authorizer": {"claims": {"sub": sub}},
        "extendedRequestId": "Kx9-bFT6oAMEeGg=",
        "requestTimeEpoch": 1,
        "responseOverride": {"header": {}, "status": None},
    }
    text = render(template, json.dumps(body), Variables(path, {}, {}, context))
    return json.loads(text), context["responseOverride"]["status"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}, 503),
        ({"__type": "com.amazon.coral.availability#ThrottlingException"}, 503),
        ({"__type": "ExecutionLimitExceeded", "message": "arn:aws:states:…"}, 503),
        ({"Error": {"Code": "Throttled", "Message": "arn:aws:sns:…"}}, 503),
        ({"__type": "com.amazon.coral.validate#ValidationException", "message": "secret"}, 400),
        ({"Error": {"Code": "InvalidParameterValue", "Message": "secret"}}, 400),
        ({"Error": {"Code": "InvalidMessageContents"}}, 400),
        ({"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue", "Message": "secret"}}, None),
        ({"__type": "AccessDeniedException", "Message": "User arn:aws:sts:… is not authorized"}, None),
        ({"__type": "ResourceNotFoundException"}, None),
        ({"Error": {"Code": "KMSAccessDenied"}}, None),
        ("no JSON object", None),
        (None, None),
    ],
)
def test_a_refusal_of_a_service_says_whose_mistake_it_is(answer: object, status: int | None) -> None:
    messages = {None: "Bad Gateway", 400: "Bad Request", 503: "Service Unavailable"}
    assert rendered(mapping_templates.FAILED, answer) == ({"message": messages[status]}, status)


def test_an_event_that_was_not_taken_is_an_error() -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "secret"}]}
    assert rendered(mapping_templates.PUBLISHED, refused) == ({"message": "Bad Gateway"}, 502)
    taken = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
    assert rendered(mapping_templates.PUBLISHED, taken) == ({"request_id": "Kx9-bFT6oAMEeGg="}, None)


@pytest.mark.parametrize("sub", ["it's", 'a","admin":"true', "\\", "#$data", "a\nb", "漢"])
def test_a_claim_is_only_a_claim(sub: str) -> None:
    by = mapping_templates.BY_TOKEN
    body = {"text": "x"}
    (entry,) = rendered(mapping_templates.put_events(by, "bus", "shop", "placed"), body, sub=sub)[0]["Entries"]
    message = {"caller": sub, "request_id": "Kx9-bFT6oAMEeGg=", "data": body}
    assert json.loads(entry["Detail"]) == message
    started, _ = rendered(mapping_templates.start_execution(by, "arn"), body, sub=sub)
    assert (json.loads(started["input"]), started["stateMachineArn"]) == (message, "arn")
    record, _ = rendered(mapping_templates.put_record(by, "stream"), body, sub=sub)
    assert (json.loads(b64decode(record["Data"])), record["PartitionKey"]) == (message, sub)
    put, _ = rendered(mapping_templates.put_item(by, "notes", "NOTE"), body, sub=sub, id="it's")
    assert put["Item"] == {
        "pk": {"S": f"NOTE#{sub}"},
        "sk": {"S": "it's"},
        "data": {"S": '{"text":"x"}'},
        "updated_at": {"N": "1"},
    }


# --- What is refused -------------------------------------------------------------------------------------------------


def api(**options: Any) -> DirectIntegrationApi:
    return DirectIntegrationApi(Stack(App(), "Stack"), "Front", **{"allowed_origins": [ORIGIN], **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allowed_origins": ["*"]}, "allowed_origins contains"),
        ({"authorization_scopes": ["a b"]}, "authorization_scopes contains 'a b'"),
        ({"iam_authorization": True, "authorization_scopes": ["a"]}, "authorization_scopes was given together with"),
        (
            {"throttle": apigatewayv2.ThrottleSettings(rate_limit=10_001, burst_limit=1)},
            "throttle.rate_limit is 10,001 requests",
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"Stack/Front: {message}"):
        api(**options)


def test_a_user_pool_beside_signatures_is_refused() -> None:
    stack = Stack(App(), "Stack")
    users = cognito.UserPool(stack, "Users")
    with pytest.raises(InvalidOptionError, match="user_pool was given together with iam_authorization"):
        DirectIntegrationApi(stack, "Front", allowed_origins=[], user_pool=users, iam_authorization=True)


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({}, "contains the type None"),
        ({"type": "array", "maxItems": 1, "items": {"type": "null"}}, "contains the type 'array'"),
        ({"type": "object"}, "contains an open object at \\$"),
        (closed(a={"type": "object", "properties": {}}), "contains an open object at \\$.a"),
        (closed(a={"type": "string"}), "contains no maxLength at \\$.a"),
        (closed(a={"type": "string", "maxLength": -1}), "contains the maxLength -1 at \\$.a"),
        (closed(a={"type": "array", "items": {"type": "null"}}), "contains no maxItems at \\$.a"),
        (closed(a={"type": "array", "maxItems": 2}), "contains None at \\$.a\\[\\*\\]"),
        (closed(a={"$ref": "#/definitions/a"}), "contains the type None at \\$.a"),
        (closed(a={"type": "text"}), "contains the type 'text' at \\$.a"),
        (closed(a={"type": "null", "anyOf": []}), "contains anyOf at \\$.a"),
        (closed(a={"type": "string", "maxLength": 262_144}), "has 1,572,8.. bytes at its largest"),
    ],
)
def test_a_schema_that_bounds_no_body_is_refused(schema: dict[str, Any], message: str) -> None:
    front = api()
    with pytest.raises(InvalidOptionError, match=f"Stack/Front: schema {message}"):
        front.add_queue_route("/orders", queue(Stack.of(front), "Orders"), schema=schema)


def test_a_schema_may_be_as_large_as_its_service() -> None:
    front = api()
    stack = Stack.of(front)
    text = {"type": "string", "maxLength": 100_000}
    front.add_queue_route("/orders", queue(stack, "Orders"), schema=closed(a=text, b={"enum": ["x", 1, None]}))
    with pytest.raises(InvalidOptionError, match=r"schema has 600,.* at most 258,048 bytes"):
        front.add_topic_route("/news", sns.Topic(stack, "News"), schema=closed(a=text))


def test_what_a_route_cannot_have_is_refused() -> None:
    front = api()
    stack = Stack.of(front)
    orders = queue(stack, "Orders")
    front.add_queue_route("/orders", orders, schema=BODY)
    for path in ("/orders", "orders", "/orders/", "/orders/{id}", "/a b", "/", "", "/orders/POST", "/GET/a"):
        with pytest.raises(InvalidOptionError, match=r"path (is|was)"):
            front.add_queue_route(path, orders, schema=BODY)
    for path in ("/orders/Role", "/orders/Model", "/orders-2", "/orders/2", "/Api", "/POSTED"):
        front.add_queue_route(path, orders, schema=BODY)
    with pytest.raises(InvalidOptionError, match=r"queue is .*a FIFO queue"):
        front.add_queue_route("/fifo", sqs.Queue(stack, "Fifo", fifo=True), schema=BODY)
    with pytest.raises(InvalidOptionError, match=r"topic is .*a FIFO topic"):
        front.add_topic_route("/fifo", sns.Topic(stack, "FifoTopic", fifo=True), schema=BODY)
    bus = events.EventBus(stack, "Bus")
    for source, detail_type in (("aws.s3", "x"), ("shop", 'a"b')):
        with pytest.raises(InvalidOptionError, match=r"(source|detail_type) is"):
            front.add_event_bus_route("/events", bus, source=source, detail_type=detail_type, schema=BODY)
    for partition in ("A#B", "*", "ä"):
        with pytest.raises(InvalidOptionError, match="partition is"):
            front.add_table_routes("/notes", table(stack), partition=partition, schema=BODY)
        stack.node.try_remove_child("Notes")
    by_id = dynamodb.TableV2(
        stack, "ById", partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
    )
    with pytest.raises(InvalidOptionError, match="it has the partition key id"):
        front.add_table_routes("/notes", by_id, partition="NOTE", schema=BODY)
    signing = DirectIntegrationApi(stack, "Signing", allowed_origins=[], iam_authorization=True)
    with pytest.raises(InvalidOptionError, match="table was given together with iam_authorization"):
        signing.add_table_routes("/notes", table(stack), partition="NOTE", schema=BODY)


def test_a_second_web_acl_is_refused() -> None:
    front = api()
    with pytest.raises(InvalidOptionError, match="scope REGIONAL"):
        front.attach_web_acl("arn:aws:wafv2:us-east-1:111122223333:global/webacl/a/1")
    front.attach_web_acl(ACL_ARN)
    with pytest.raises(InvalidOptionError, match="a second web ACL"):
        front.attach_web_acl(ACL_ARN)
