"""What needs no function: API Gateway writes scores into a table, and publishes reports of problems."""

from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdp_constructs import DirectIntegrationApi, FanoutSubscriber, SnsSqsFanout
from cdp_constructs.core.tables import add_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cognito as cognito
    from aws_cdk import aws_sns as sns

PATH = "/direct"
SCORE: dict[str, Any] = {
    "type": "object",
    "properties": {"points": {"type": "integer", "minimum": 0, "maximum": 1_000_000_000}},
    "required": ["points"],
    "additionalProperties": False,
}
REPORT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "version": {"type": "string", "minLength": 1, "maxLength": 20},
        "text": {"type": "string", "minLength": 1, "maxLength": 4_000},
    },
    "required": ["version", "text"],
    "additionalProperties": False,
}


class Direct(Construct):
    """An API without functions, for tokens of the same users.

    Attributes:
        front: The API.
        scores: Points of each user, by game.
        support: The queue of reports, which the support's own program reads.
    """

    front: DirectIntegrationApi
    scores: dynamodb.ITable
    support: FanoutSubscriber

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        user_pool: "cognito.IUserPool",
        authorization_scopes: "Sequence[str]",
        allowed_origins: "Sequence[str]",
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        self.front = DirectIntegrationApi(
            self,
            "Front",
            allowed_origins=allowed_origins,
            user_pool=user_pool,
            authorization_scopes=authorization_scopes,
            account_log_role=True,
            alarm_topic=alarm_topic,
        )
        self.scores = add_table(
            self,
            "Scores",
            partition_key="pk",
            sort_key="sk",
            expires=False,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.front.add_table_routes(f"{PATH}/scores", self.scores, partition="SCORE", schema=SCORE)
        reports = SnsSqsFanout(self, "Reports", alarm_topic=alarm_topic)
        self.support = reports.add_subscriber("Support")
        limits = apigatewayv2.ThrottleSettings(rate_limit=50, burst_limit=25)
        self.front.add_topic_route(f"{PATH}/reports", reports.topic, schema=REPORT, throttle=limits)
