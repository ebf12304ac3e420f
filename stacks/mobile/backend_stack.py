"""The mobile backend in its Region: users, what they save, their pictures and notices, and requests without code."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from cdp_constructs import AuthorizedApi, SignInUserPool, UserDataLimits, UserDataStore
from cdp_constructs.core.runbooks import use_runbooks
from stacks.alarms import add_alarms
from stacks.mobile import RUNBOOKS
from stacks.mobile.backups import Backups
from stacks.mobile.config import MobileConfiguration
from stacks.mobile.direct import Direct
from stacks.mobile.notices import Notices
from stacks.mobile.pictures import Pictures

__all__ = ["BackendStack"]

ACCESS_TOKENS = ("aws.cognito.signin.user.admin",)
"""The scope of every access token of a user's sign-in. ID tokens have none: they are for the application itself."""


class BackendStack(Stack):
    """What answers behind the front.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        configuration: What the operator decides.

    Attributes:
        users: Who may sign in.
        api: The HTTP API in front of the functions.
        saves: What users save.
        pictures: Their pictures.
        notices: What they are notified of.
        direct: The API without functions.
        backups: What phones write to S3 themselves.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: MobileConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Mobile backend: users, data, pictures, notices")
        use_runbooks(self, RUNBOOKS)
        alarm_topic = add_alarms(self, configuration.alarm_email, option="mobile.alarm_email").topic
        self.users = SignInUserPool(
            self,
            "Users",
            auth_flows=cognito.AuthFlow(user_srp=True, user_password=True),
            rate_limit=configuration.rate_limit,
            alarm_topic=alarm_topic,
        )
        self.api = AuthorizedApi(
            self,
            "Game",
            allowed_origins=configuration.origins,
            issuer=self.users.issuer,
            authorization_scopes=ACCESS_TOKENS,
            alarm_topic=alarm_topic,
        )
        self.saves = UserDataStore(
            self, "Saves", limits=UserDataLimits(largest_kb=512, total_mb=50), alarm_topic=alarm_topic
        )
        self.saves.add_routes(self.api.api, path="/saves")
        self.pictures = Pictures(
            self, "Pictures", api=self.api, allowed_origins=configuration.origins, alarm_topic=alarm_topic
        )
        self.notices = Notices(
            self,
            "Notices",
            configuration=configuration,
            api=self.api,
            made=self.pictures.made,
            alarm_topic=alarm_topic,
        )
        self.direct = Direct(
            self,
            "Direct",
            user_pool=self.users.user_pool,
            authorization_scopes=ACCESS_TOKENS,
            allowed_origins=configuration.origins,
            alarm_topic=alarm_topic,
        )
        self.backups = Backups(self, "Backups", issuer=self.users.issuer)
        CfnOutput(self, "UserPoolId", value=self.users.user_pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.users.user_pool_client.user_pool_client_id)
        CfnOutput(self, "ApiUrl", value=self.api.api.api_endpoint)
