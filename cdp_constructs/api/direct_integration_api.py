"""DirectIntegrationApi: a REST API whose routes call services of AWS without a function."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdp_constructs.api import _mapping_templates as templates
from cdp_constructs.api._alarms import add_api_alarms
from cdp_constructs.api._checks import checked_scopes
from cdp_constructs.api._schemas import check_schema
from cdp_constructs.api._service_routes import (
    Call,
    Front,
    ServiceRoutes,
    add_method,
    add_model,
    add_role,
    allow_pages,
    throttle_method,
)
from cdp_constructs.api.sign_in_user_pool import SignInUserPool
from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_each
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import cloudwatch, cognito, dynamodb, kinesis, kms, sns, sqs
from cdp_constructs.core.http_apis import LARGEST_BURST, MOST_REQUESTS, check_throttle, name_of
from cdp_constructs.core.keys import USE_KEY, USE_TABLE_KEY
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.origins import check_origins
from cdp_constructs.core.paths import account_of, path_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.tables import check_table, key_of, leading_keys
from cdp_constructs.core.validation import InvalidOptionError, check_standard

_HALF = apigatewayv2.ThrottleSettings(rate_limit=MOST_REQUESTS / 2, burst_limit=LARGEST_BURST / 2)
_PATH = re.compile(r"(/(?!(DELETE|GET|OPTIONS|POST|PUT)(/|$))[A-Za-z0-9._~-]+)+")
# What goes into templates between quotes, as it is.
_NAME = re.compile(r"[A-Za-z0-9._ -]{1,128}")
_PARTITION = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# What stands around a body: who calls, which request; keys of an item have 3 KB at most.
_AROUND = 4_096
_KIB = 1_024
_QUOTAS = "https://docs.aws.amazon.com"
_QUEUE = f"{_QUOTAS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"
_TOPIC = f"{_QUOTAS}/sns/latest/api/API_Publish.html"
_BUS = f"{_QUOTAS}/eventbridge/latest/userguide/eb-putevents.html"
_STREAM = f"{_QUOTAS}/kinesis/latest/APIReference/API_PutRecord.html"
_MACHINE = f"{_QUOTAS}/step-functions/latest/dg/service-quotas.html"
_TABLE = f"{_QUOTAS}/amazondynamodb/latest/developerguide/Constraints.html"
# Without contents: no body, no query string, no text of the validator, which quotes what was sent.
_LOGGED = {
    "request_id": "$context.extendedRequestId",
    "ip": "$context.identity.sourceIp",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "service_status": "$context.integration.status",
    "refused_by": "$context.error.responseType",
    "trace": "$context.xrayTraceId",
}


@checks_options
class DirectIntegrationApi(Construct):
    """A REST API that hands requests to queues, topics, tables, event buses, streams and state machines, without code.

    CDP: none; API Gateway as a proxy of AWS services.

    API Gateway knows the caller, checks each body by a JSON schema, and calls the service under a role that may do this
    one thing. Messages say who sent them: ``{"caller": …, "request_id": …, "data": …}``.

        api = DirectIntegrationApi(self, "Front", allowed_origins=["https://shop.example.com"])
        api.add_queue_route("/orders", orders_queue, schema=ORDER)
        api.add_table_routes("/notes", notes_table, partition="NOTE", schema=NOTE)
    """

    api: apigateway.RestApi
    """The API with its only stage, ``live``."""
    authorizer: apigateway.IAuthorizer | None
    """Takes the tokens of the user pool; None with ``iam_authorization``."""
    user_pool: "cognito.IUserPool | None"
    """Whose tokens are taken; None with ``iam_authorization``."""
    users: SignInUserPool | None
    """The users, when they are made here."""
    encryption_key: "kms.IKey | None"
    """Encrypts the access log; None where a key of CloudWatch Logs does."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        allowed_origins: Sequence[str],
        user_pool: "cognito.IUserPool | None" = None,
        authorization_scopes: Sequence[str] = (),
        iam_authorization: bool = False,
        throttle: apigatewayv2.ThrottleSettings | None = None,
        account_log_role: bool = False,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the API.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            allowed_origins: Web origins whose pages may call, such as ``["https://chat.example.com"]``; ``[]``: none.
            user_pool: An existing user pool. Tokens of each of its clients are taken: REST APIs check no audience.
                Default: a ``SignInUserPool``.
            authorization_scopes: An access token must have one of these. Default: ID tokens are taken.
            iam_authorization: Whether callers sign requests with credentials of AWS instead; see ``grant_invoke`` of
                what the ``add_`` methods return. Default: callers have tokens. There is no API for everybody.
            throttle: Requests per second and burst of each method that has no own limit, for all callers together; at
                most 10,000 and 5,000, which all APIs of an account share in a Region. Default: 5,000 and 2,500.
                Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html.
            account_log_role: Whether to make the role under which API Gateway writes logs of REST APIs, and to name it
                in the settings of the account in this Region. Default: the settings name one already; without one the
                deployment of the stage fails. One stack of a Region does it for all.
            encryption_key: A customer-managed key for the access log. Default: a key of CloudWatch Logs. The keys of
                queues, topics, tables and streams are their own.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long access logs are kept. Default: 3 months.
            removal_policy: What happens to the access log, and to a user pool that is made here, when the stack is
                deleted. Default: kept.

        Raises:
            InvalidOptionError: for origins that are no https origins, malformed scopes, a user pool or scopes beside
                ``iam_authorization``, or throttling out of range.
        """
        super().__init__(scope, construct_id)
        origins = check_origins(self, allowed_origins)
        limits = throttle or _HALF
        check_throttle(self, limits)
        scopes = checked_scopes(self, authorization_scopes)
        if iam_authorization:
            for option, given in (("user_pool", user_pool), ("authorization_scopes", scopes or None)):
                if given is not None:
                    fix = f"Leave out {option}: who signs requests has no token"
                    raise InvalidOptionError(self, option, "was given together with iam_authorization", fix)
        self.encryption_key = encryption_key
        self.users = None
        self.user_pool = user_pool
        if user_pool is None and not iam_authorization:
            self.users = SignInUserPool(self, "Users", alarm_topic=alarm_topic, removal_policy=removal_policy)
            self.user_pool = self.users.user_pool
        access_log = add_log_group(
            self,
            "AccessLogs",
            log_retention=log_retention,
            removal_policy=removal_policy,
            encryption_key=encryption_key,
        )
        self.api = self._add_api(limits, access_log, account_log_role=account_log_role)
        self.authorizer = None
        if self.user_pool is not None:
            self.authorizer = apigateway.CognitoUserPoolsAuthorizer(
                self, "SignedIn", cognito_user_pools=[self.user_pool], authorizer_name=name_of(self, "-SignedIn")
            )
        validator = apigateway.RequestValidator(
            self, "Validator", rest_api=self.api, validate_request_body=True, validate_request_parameters=True
        )
        self._front = Front(self.api, validator, self.authorizer, scopes, origins)
        self._caller = templates.BY_SIGNATURE if iam_authorization else templates.BY_TOKEN
        self._routes = Construct(self, "Routes")
        self._throttled = 0
        self._add_gateway_responses(origins)
        add_api_alarms(
            self,
            server_errors=self.metric_server_errors(),
            latency=self.metric_latency(),
            alarm_topic=alarm_topic,
            after_errors="Look in the access log for the route and service_status, then whether its queue, "
            "topic, table, bus, stream or state machine is there, throttles, or lost its key.",
            after_latency="Look at the traces of the routes.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_queue_route(
        self,
        path: str,
        queue: "sqs.IQueue",
        *,
        schema: Mapping[str, Any],
        throttle: apigatewayv2.ThrottleSettings | None = None,
    ) -> ServiceRoutes:
        """Send what is posted to a path to a queue; the caller gets 202 and the request's id.

        Args:
            path: Such as ``/orders``.
            queue: A standard queue, also an encrypted one; an imported one with ``key_arn``.
            schema: JSON Schema, draft 4, of a body: each object closed, each text and array bounded.
            throttle: Requests per second and burst, for all callers together; the API's own by default.

        Raises:
            InvalidOptionError: for a malformed or repeated path, a FIFO queue, a schema without bounds or of more than
                1 MiB, or throttling out of range.
        """
        if queue.fifo:
            fix = "Give a standard queue: API Gateway knows no message group"
            raise InvalidOptionError(self, "queue", f"is {queue.node.path}, a FIFO queue", fix)
        call = Call(
            "sqs",
            None,
            templates.send_message(self._caller),
            templates.TAKEN,
            path=f"{account_of(stack_of(self))}/{queue.queue_name}",
            content_type="application/x-www-form-urlencoded",
        )
        may = iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn])
        return self._add_post(
            path, call, may, schema, throttle, limit=_KIB * _KIB, source=_QUEUE, key=queue.encryption_master_key
        )

    def add_topic_route(
        self,
        path: str,
        topic: "sns.ITopic",
        *,
        schema: Mapping[str, Any],
        throttle: apigatewayv2.ThrottleSettings | None = None,
    ) -> ServiceRoutes:
        """Publish what is posted to a path to a topic; the caller gets 202 and the request's id.

        Args:
            path: Such as ``/orders``.
            topic: A standard topic; an imported one with ``key_arn``.
            schema: See ``add_queue_route``; at most 256 KiB.
            throttle: See ``add_queue_route``.

        Raises:
            InvalidOptionError: as ``add_queue_route``, and for a FIFO topic.
        """
        check_standard(self, "topic", topic)
        call = Call(
            "sns",
            None,
            templates.publish_message(self._caller, topic.topic_arn),
            templates.TAKEN,
            path="/",
            content_type="application/x-www-form-urlencoded",
        )
        may = iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn])
        return self._add_post(path, call, may, schema, throttle, limit=256 * _KIB, source=_TOPIC, key=topic.master_key)

    def add_event_bus_route(
        self,
        path: str,
        event_bus: events.IEventBus,
        *,
        source: str,
        detail_type: str,
        schema: Mapping[str, Any],
        throttle: apigatewayv2.ThrottleSettings | None = None,
    ) -> ServiceRoutes:
        """Put what is posted to a path on an event bus; callers choose neither source nor type.

        Args:
            path: Such as ``/orders``.
            event_bus: The event bus.
            source: Of the events, such as ``shop.orders``; not one that begins with ``aws.``.
            detail_type: Of the events, such as ``order placed``.
            schema: See ``add_queue_route``; at most 256 KiB.
            throttle: See ``add_queue_route``.

        Raises:
            InvalidOptionError: as ``add_queue_route``, and for a source or type that EventBridge does not take.
        """
        for option, value in (("source", source), ("detail_type", detail_type)):
            if not _NAME.fullmatch(value) or value.startswith("aws."):
                fix = "Use up to 128 letters, digits, dots, hyphens, underscores and spaces, and not aws. in front"
                raise InvalidOptionError(self, option, f"is {value!r}", fix)
        call = Call(
            "events",
            "PutEvents",
            templates.put_events(self._caller, event_bus.event_bus_name, source, detail_type),
            templates.PUBLISHED,
            content_type="application/x-amz-json-1.1",
        )
        may = iam.PolicyStatement(actions=["events:PutEvents"], resources=[event_bus.event_bus_arn])
        return self._add_post(path, call, may, schema, throttle, limit=256 * _KIB, source=_BUS)

    def add_stream_route(
        self,
        path: str,
        stream: "kinesis.IStream",
        *,
        schema: Mapping[str, Any],
        throttle: apigatewayv2.ThrottleSettings | None = None,
    ) -> ServiceRoutes:
        """Put what is posted to a path into a data stream, each caller's records in the order of arrival.

        Args:
            path: Such as ``/readings``.
            stream: The data stream; an imported one with its key where it has one.
            schema: See ``add_queue_route``; at most 1 MiB.
            throttle: See ``add_queue_route``.

        Raises:
            InvalidOptionError: as ``add_queue_route``.
        """
        call = Call(
            "kinesis",
            "PutRecord",
            templates.put_record(self._caller, stream.stream_name),
            templates.TAKEN,
            content_type="application/x-amz-json-1.1",
        )
        may = iam.PolicyStatement(actions=["kinesis:PutRecord"], resources=[stream.stream_arn])
        return self._add_post(
            path, call, may, schema, throttle, limit=_KIB * _KIB, source=_STREAM, key=stream.encryption_key
        )

    def add_workflow_route(
        self,
        path: str,
        state_machine: stepfunctions.IStateMachine,
        *,
        schema: Mapping[str, Any],
        throttle: apigatewayv2.ThrottleSettings | None = None,
    ) -> ServiceRoutes:
        """Start an execution with what is posted to a path; nobody waits for its end.

        Args:
            path: Such as ``/returns``.
            state_machine: Of the type Standard or Express. Where it is encrypted with a customer-managed key, give the
                returned ``role`` ``kms:Decrypt`` and ``kms:GenerateDataKey`` on that.
            schema: See ``add_queue_route``; at most 256 KiB.
            throttle: See ``add_queue_route``.

        Raises:
            InvalidOptionError: as ``add_queue_route``.
        """
        arn = state_machine.state_machine_arn
        call = Call("states", "StartExecution", templates.start_execution(self._caller, arn), templates.TAKEN)
        may = iam.PolicyStatement(actions=["states:StartExecution"], resources=[arn])
        return self._add_post(path, call, may, schema, throttle, limit=256 * _KIB, source=_MACHINE)

    def add_table_routes(
        self,
        path: str,
        table: "dynamodb.ITable",
        *,
        partition: str,
        schema: Mapping[str, Any],
        throttle: apigatewayv2.ThrottleSettings | None = None,
    ) -> ServiceRoutes:
        """Let each caller put, get, list and delete items of one's own: the key is made of the token's ``sub``.

        ``GET <path>`` lists 100 at a time, behind the one in the parameter ``after``; ``GET``, ``PUT`` and ``DELETE``
        of ``<path>/{id}`` work on one. An item has ``pk`` = ``<partition>#<sub>``, ``sk`` = the id, the body as JSON
        text in ``data``, and ``updated_at`` in milliseconds.

        Args:
            path: Such as ``/notes``.
            table: An existing table with partition key ``pk`` and sort key ``sk`` (strings).
            partition: Begins the partition keys, such as ``NOTE``; 1 to 64 letters, digits, dots, hyphens and
                underscores. Nothing else writes there.
            schema: See ``add_queue_route``; at most 400 KB.
            throttle: See ``add_queue_route``; for each of the four methods.

        Raises:
            InvalidOptionError: as ``add_queue_route``, for a table without the keys, and with ``iam_authorization``.
        """
        if self.user_pool is None:
            fix = "Make an API with a user pool for them: items belong to the sub of a token"
            raise InvalidOptionError(self, "table", "was given together with iam_authorization", fix)
        if not _PARTITION.fullmatch(partition):
            fix = "Use 1 to 64 letters, digits, dots, hyphens and underscores, such as NOTE"
            raise InvalidOptionError(self, "partition", f"is {partition!r}", fix)
        check_table(self, table, partition_key="pk", sort_key="sk", expires=False)
        self._check(schema, throttle, limit=400 * _KIB, source=_TABLE)
        items, parts = self._add_resource(path)
        role = add_role(
            parts,
            iam.PolicyStatement(
                actions=[f"dynamodb:{action}" for action in ("DeleteItem", "GetItem", "PutItem", "Query")],
                resources=[table.table_arn],
                conditions=leading_keys(partition),
            ),
            f"Reads and writes items of {partition} for {path_of(parts)}",
        )
        if (key := key_of(table, None)) is not None:
            key.grant(role, *USE_TABLE_KEY)
        model = add_model(self._front, parts, schema)
        name, caller = table.table_name, self._caller
        calls = {
            "PUT": Call(
                "dynamodb", "PutItem", templates.put_item(caller, name, partition), templates.TAKEN, status=200
            ),
            "GET": Call(
                "dynamodb", "GetItem", templates.get_item(caller, name, partition), templates.FOUND, status=200
            ),
            "DELETE": Call(
                "dynamodb", "DeleteItem", templates.delete_item(caller, name, partition), templates.DELETED, status=200
            ),
        }
        query = Call("dynamodb", "Query", templates.query_items(caller, name, partition), templates.LISTED, status=200)
        item = items.add_resource("{id}")
        methods = [add_method(self._front, items, "GET", query, role)]
        methods += [
            add_method(self._front, item, method, call, role, model=model if method == "PUT" else None)
            for method, call in calls.items()
        ]
        allow_pages(self._front, items, ["GET"])
        allow_pages(self._front, item, list(calls))
        self._throttle(methods, throttle)
        return ServiceRoutes(methods, role=role)

    def attach_web_acl(self, web_acl_arn: str) -> None:
        """Let AWS WAF judge every request; an API has one web ACL at most.

        Args:
            web_acl_arn: ARN of a web ACL of scope REGIONAL in the API's Region, such as that of a
                ``WebApplicationFirewall``.

        Raises:
            InvalidOptionError: for a web ACL of scope CLOUDFRONT, and when there is one already.
        """
        from cdp_constructs.core.web_acls import attach

        instead = "Give one web ACL, with all rules"
        attach(self, self.api.deployment_stage.stage_arn, web_acl_arn, protects="API", instead=instead)

    def metric_requests(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Requests. Sum per minute by default."""
        return self.api.metric_count(period=period or minute(), statistic="sum")

    def metric_client_errors(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Answers 4xx, throttled and unauthorized ones included. Sum per minute by default."""
        return self.api.metric_client_error(period=period or minute(), statistic="sum")

    def metric_server_errors(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Answers 5xx. Sum per minute by default."""
        return self.api.metric_server_error(period=period or minute(), statistic="sum")

    def metric_latency(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Milliseconds from request to answer. 99th percentile per minute by default."""
        return self.api.metric_latency(period=period or minute(), statistic="p99")

    def _add_post(
        self,
        path: str,
        call: Call,
        may: iam.PolicyStatement,
        schema: Mapping[str, Any],
        throttle: apigatewayv2.ThrottleSettings | None,
        *,
        limit: int,
        source: str,
        key: "kms.IKey | None" = None,
    ) -> ServiceRoutes:
        self._check(schema, throttle, limit=limit, source=source)
        resource, parts = self._add_resource(path)
        role = add_role(parts, may, f"Does what {path_of(parts)} asks of {call.service}")
        if key is not None:
            key.grant(role, *USE_KEY)
        model = add_model(self._front, parts, schema)
        method = add_method(self._front, resource, "POST", call, role, model=model)
        allow_pages(self._front, resource, ["POST"])
        self._throttle([method], throttle)
        return ServiceRoutes([method], role=role)

    def _check(
        self,
        schema: Mapping[str, Any],
        throttle: apigatewayv2.ThrottleSettings | None,
        *,
        limit: int,
        source: str,
    ) -> None:
        check_schema(self, schema, limit=limit - _AROUND, source=source)
        if throttle is not None:
            check_throttle(self, throttle)

    def _add_resource(self, path: str) -> tuple[apigateway.Resource, Construct]:
        """Return the resource of a path, and the scope of what belongs to it, which no part of a path can be called."""
        if Token.is_unresolved(path) or not _PATH.fullmatch(path):
            fix = "Begin with a slash, without parameters, verbs and a slash at the end, such as /orders"
            raise InvalidOptionError(self, "path", f"is {path!r}", fix)
        name = path[1:].replace("/", " ")
        if self._routes.node.try_find_child(name) is not None:
            raise InvalidOptionError(self, "path", f"is {path!r}, which was added before", "Give each path once")
        return self.api.root.resource_for_path(path), Construct(self._routes, name)

    def _throttle(self, methods: Sequence[apigateway.Method], limits: apigatewayv2.ThrottleSettings | None) -> None:
        if limits is None:
            return
        for method in methods:
            self._throttled += 1
            throttle_method(self._front, method, limits, self._throttled)

    def _add_api(
        self, limits: apigatewayv2.ThrottleSettings, access_log: logs.LogGroup, *, account_log_role: bool
    ) -> apigateway.RestApi:
        api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=name_of(self),
            description=path_of(self).removesuffix("/Default")[-1024:],
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=account_log_role,
            deploy_options=apigateway.StageOptions(
                stage_name="live",
                access_log_destination=apigateway.LogGroupLogDestination(access_log),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(self._logged())),
                throttling_rate_limit=limits.rate_limit,
                throttling_burst_limit=limits.burst_limit,
                metrics_enabled=True,
                data_trace_enabled=False,
                tracing_enabled=True,
            ),
        )
        acknowledge_each(
            api.deployment_stage,
            {
                "AwsSolutions-APIG3": "A web ACL costs $5 a month and more: attach_web_acl is for who wants one. "
                "Callers are authenticated, bodies are checked by a schema, and methods are throttled.",
                "AwsSolutions-APIG6": "Execution logs would hold the headers and bodies of users. The access log has "
                "every request without contents, and AWS X-Ray its trace.",
            },
        )
        if account_log_role:
            role = api.node.find_child("CloudWatchRole")
            acknowledge(
                role,
                "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
                "AmazonAPIGatewayPushToCloudWatchLogs]",
                "API Gateway writes the logs of all REST APIs of the account under this role: AWS's own policy for it.",
            )
        return api

    def _logged(self) -> dict[str, str]:
        return {**_LOGGED, "user": templates.BY_SIGNATURE if self.user_pool is None else templates.BY_TOKEN}

    def _add_gateway_responses(self, origins: Sequence[str]) -> None:
        """Say in answers of API Gateway itself which page may read them, and no ARNs."""
        # A header has one value here: of several origins none can be chosen.
        headers = {"Access-Control-Allow-Origin": f"'{origins[0]}'"} if len(origins) == 1 else None
        kinds = {"ACCESS_DENIED": '{"message":"Forbidden"}'}
        if headers:
            kinds |= {"DEFAULT_4XX": "", "DEFAULT_5XX": ""}
        for kind, text in kinds.items():
            self.api.add_gateway_response(
                kind,
                type=apigateway.ResponseType.of(kind),
                response_headers=headers,
                templates={"application/json": text} if text else None,
            )
