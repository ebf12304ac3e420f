"""The chat's HTTP API of one Region."""

import json
from typing import TYPE_CHECKING

from aws_cdk import ArnFormat
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import AuthorizedApi
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.tables import leading_keys
from stacks.chat import HANDLERS
from stacks.chat.handlers.domain.resources import ROOMS_OF_USER
from stacks.unsubscribe import add_unsubscribe_routes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_sns as sns

    from cdp_constructs import (
        DirectObjectUpload,
        Notifications,
        RealtimeChannels,
        StateSharing,
        StorageIndex,
        TokenIssuer,
    )
    from stacks.chat.limits import LimitsConfiguration

ACCESS_TOKENS = "aws.cognito.signin.user.admin"
"""The scope of every access token of a user's sign-in. ID tokens have none: they are for the client itself."""

# Requests per second and burst of what calls further functions: what those can take. The rest share the API's own.
_ROUTES: dict[str, tuple[int, int] | None] = {
    "POST /session": (2000, 1000),
    "POST /rooms": (200, 100),
    "GET /rooms": None,
    "GET /rooms/{room}": (2000, 1000),
    "POST /rooms/{room}/members": (500, 250),
    "DELETE /rooms/{room}/members/me": (500, 250),
    "DELETE /rooms/{room}/members/{user}": (200, 100),
    "PUT /rooms/{room}/invite": (200, 100),
    "PUT /rooms/{room}/presence": None,
    "DELETE /rooms/{room}/presence": None,
    "POST /rooms/{room}/messages": None,
    "GET /rooms/{room}/messages": None,
    "GET /rooms/{room}/messages/{message}": None,
    "PUT /rooms/{room}/messages/{message}": None,
    "DELETE /rooms/{room}/messages/{message}": None,
    "PUT /rooms/{room}/messages/{message}/reaction": None,
    "GET /rooms/{room}/search": (200, 100),
    "PUT /rooms/{room}/read": None,
    "DELETE /me": (50, 25),
    "GET /me/notifications": (500, 250),
    "PUT /me/notifications": (100, 50),
    "POST /me/devices": (200, 100),
    "DELETE /me/devices/{device}": (200, 100),
    "POST /rooms/{room}/uploads": (500, 250),
    "GET /rooms/{room}/attachments": (500, 250),
    "GET /rooms/{room}/attachments/{attachment}": (1000, 500),
}


class Api(Construct):
    """The HTTP API of one Region: rooms, messages and attachments of signed-in users.

    Attributes:
        authorized: The HTTP API with its authorizer, routes, logs and alarms.
        api: The HTTP API itself.
        function: Answers every route.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        allowed_origins: "Sequence[str]",
        issuer: "TokenIssuer",
        limits: "LimitsConfiguration",
        max_delivery_lag: int | None,
        typing_notices: bool,
        silence_minutes: int | None,
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = add_function(
            self,
            "Function",
            handler=HANDLERS / "api",
            shares=["domain"],
            description="Answers the chat's API",
            invocation=Invocation.REQUEST,
            correlates=True,
            publishes_metrics=True,
            environment={"LIMITS": limits.model_dump_json(), "USER_POOL_REGION": str(issuer.region)},
            memory_size=1024,
            timeout=seconds(15),
        )
        # "Default" is left out of logical ids, so that they stay as they were before this pattern existed.
        self.authorized = AuthorizedApi(
            self,
            "Default",
            allowed_origins=allowed_origins,
            issuer=issuer,
            authorization_scopes=[ACCESS_TOKENS],
            alarm_topic=alarm_topic,
        )
        self.api = self.authorized.api
        for route, throttle in _ROUTES.items():
            settings = throttle and apigatewayv2.ThrottleSettings(rate_limit=throttle[0], burst_limit=throttle[1])
            self.authorized.add_routes([route], self.function, throttle=settings)
        add_alarm(
            self,
            "ThrottlesAlarm",
            self.function.metric_throttles(period=minute()),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: Lambda throttles requests. Raise the account's concurrency in this Region.",
        )
        if not typing_notices:
            self.function.add_environment("NO_TYPING_NOTICES", "true")
        if max_delivery_lag is not None:
            self.function.add_environment("MAX_DELIVERY_LAG", str(max_delivery_lag))
            add_alarm(
                self,
                "RefusedPostsAlarm",
                function_metric(self.function, "RefusedPosts", period=minute()),
                alarm_topic=alarm_topic,
                description=f"{path_of(self)}: messages are refused with 429, because what was accepted reaches "
                f"members too late: {max_delivery_lag} seconds are allowed. Look at the live publisher.",
            )
        if silence_minutes is not None:
            self._add_silent_alarm(silence_minutes, alarm_topic)

    def _add_silent_alarm(self, silence_minutes: int, alarm_topic: "sns.ITopic") -> None:
        from aws_cdk import aws_cloudwatch as cloudwatch

        add_alarm(
            self,
            "SilentAlarm",
            self.authorized.metric_requests(),
            alarm_topic=alarm_topic,
            evaluation_periods=silence_minutes,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            missing_data=cloudwatch.TreatMissingData.BREACHING,
            description=f"{path_of(self)}: no request has arrived for {silence_minutes} minutes. Ask the deep health "
            "route from outside of AWS.",
        )

    def use_table(self, table: "dynamodb.ITableV2", log_regions: "Sequence[str]") -> None:
        """Let the API work on this Region's replica.

        Args:
            table: The replica.
            log_regions: Every Region that may hold a part of a room's history.
        """
        self.function.add_environment("TABLE_NAME", table.table_name)
        self.function.add_environment("LOG_REGIONS", ",".join(log_regions))
        actions = ["BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"]
        index_arn = f"{table.table_arn}/index/{ROOMS_OF_USER}"
        for names, resource in ((actions, table.table_arn), (["Query"], index_arn)):
            statement = iam.PolicyStatement(actions=[f"dynamodb:{name}" for name in names], resources=[resource])
            self.function.add_to_role_policy(statement)
        # What is known of a user, when the account is deleted; what was said stays.
        self.function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:BatchWriteItem", "dynamodb:DeleteItem"],
                resources=[table.table_arn],
                conditions=leading_keys("USER"),
            )
        )

    def use_state(self, state: "StateSharing") -> None:
        """Let the API keep presence, in the rooms' partitions of the replica."""
        state.share_with(self.function, groups=["ROOM"])

    def use_live(self, channels: "RealtimeChannels") -> None:
        """Let the API answer clients where this Region's live channels are."""
        where = {
            "transport": channels.transport,
            "http": channels.http_endpoint,
            "websocket": channels.realtime_endpoint,
        }
        self.function.add_environment("REALTIME", stack_of(self).to_json_string(where))

    def use_notices(self, notifications: "Notifications") -> None:
        """Let the API store what users decide about notices, and let holders of a mail's link unsubscribe."""
        notifications.share_with(self.function)
        add_unsubscribe_routes(self.api, notifications)

    def use_attachments(self, upload: "DirectObjectUpload", signing_functions: "Mapping[str, str]") -> None:
        """Let the API have uploads and downloads signed.

        Args:
            upload: Hands out upload forms of this Region.
            signing_functions: Name of the function that signs downloads of a Region's attachments, by Region.
        """
        form_function = upload.form_function
        # Addresses of downloads begin below this folder.
        self.function.add_environment("ACCEPTED_PREFIX", upload.accepted_prefix)
        self.function.add_environment("UPLOAD_FUNCTION", form_function.function_name)
        self.function.add_environment("SIGNING_FUNCTIONS", json.dumps(signing_functions))
        arns = [self._function_arn(region, name) for region, name in signing_functions.items()]
        # Not grant_invoke(): it would also allow every version and alias of the functions.
        arns.append(form_function.function_arn)
        self.function.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=arns))

    def use_index(self, index: "StorageIndex") -> None:
        """Let the API search the attachments of all Regions."""
        self.function.add_environment("ATTACHMENT_INDEX", index.table.table_name)
        # Not grant_read(): a search needs neither the other index nor single objects.
        by_room = f"{index.table.table_arn}/index/{index.owner_index}"
        self.function.add_to_role_policy(iam.PolicyStatement(actions=["dynamodb:Query"], resources=[by_room]))

    def _function_arn(self, region: str, name: str) -> str:
        return stack_of(self).format_arn(
            service="lambda",
            region=region,
            resource="function",
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
