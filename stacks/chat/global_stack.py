"""What the chat has once for all Regions: who its users are, and one table that is written in every Region."""

from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdp_constructs import SignInUserPool, StorageIndex, VapidKeys, WebApplicationFirewall
from cdp_constructs.core.names import name_everywhere
from stacks.chat.config import ChatConfiguration
from stacks.chat.handlers.domain.resources import ROOMS_OF_USER
from stacks.chat.senders import SenderConfiguration

_PLANS = {"essentials": cognito.FeaturePlan.ESSENTIALS, "lite": cognito.FeaturePlan.LITE}


class GlobalStack(Stack):
    """The user pool and the global table, defined in the home Region.

    Attributes:
        user_pool: Who may sign in.
        user_pool_client: The public client (browser, mobile application); it has no secret.
        issuer: The pool's tokens for that client, as every Region's API takes them.
        table: Rooms, members, messages and attachments, with a replica in every Region.
        attachment_index: What is in the upload buckets of all Regions, with a replica in every Region.
        vapid_keys: The key pair of Web Push, readable in every Region; None without Web Push.
    """

    def __init__(self, scope: Construct, construct_id: str, *, configuration: ChatConfiguration, **kwargs: Any) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Chat: sign-in and data of all Regions",
            termination_protection=True,
            **kwargs,
        )
        users = SignInUserPool(
            self,
            "Users",
            auth_flows=cognito.AuthFlow(user_srp=True, user_password=True),
            rotate_refresh_tokens=configuration.sign_in_plan != "lite",
            feature_plan=_PLANS[configuration.sign_in_plan],
            email=_sender(configuration.sender_of_codes),
            rate_limit=None if configuration.firewall else configuration.sign_in_rate_limit,
        )
        if configuration.firewall is not None:
            # Where the pool's own web ACL would be, which keeps its place when the firewall is switched on or off.
            firewall = WebApplicationFirewall(
                users,
                "WebAcl",
                web_acl_scope="REGIONAL",
                # The core rule set judges pages and bodies, which Cognito shows to nobody.
                managed_rule_groups=["AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesAmazonIpReputationList"],
                rate_limit=configuration.sign_in_rate_limit,
                # Many users behind one address would lose their sessions together.
                unlimited_operations=["GetTokensFromRefreshToken"],
                allowed_countries=configuration.firewall.allowed_countries,
                blocked_countries=configuration.firewall.blocked_countries,
            )
            users.attach_web_acl(firewall.web_acl_arn)
        self.user_pool = users.user_pool
        self.user_pool_client = users.user_pool_client
        self.issuer = users.issuer
        replicas = [region for region in configuration.regions if region != configuration.home_region]
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=ROOMS_OF_USER,
                    partition_key=dynamodb.Attribute(name="user", type=dynamodb.AttributeType.STRING),
                    sort_key=dynamodb.Attribute(name="room", type=dynamodb.AttributeType.STRING),
                )
            ],
            replicas=[dynamodb.ReplicaTableProps(region=region) for region in replicas],
            billing=dynamodb.Billing.on_demand(),
            # Presence, typing, counters of what a user did, and marks of leaving end by themselves.
            time_to_live_attribute="expires_at",
            # The publisher needs the new image only; records without the old one cost less.
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        # Each Region's index writes what is in its own bucket, and each Region's API searches all of it.
        self.attachment_index = StorageIndex.global_table(self, "AttachmentIndex", replica_regions=replicas)

        self.vapid_keys = None
        if configuration.notices is not None and configuration.notices.web_push:
            # One for all Regions: a browser subscribes to one public key, and any Region may have something for it.
            self.vapid_keys = VapidKeys(self, "VapidKeys", replica_regions=replicas)
        CfnOutput(self, "UserPoolId", value=self.user_pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.user_pool_client.user_pool_client_id)

    @property
    def table_name(self) -> str:
        """Name of the table in every Region, as a reference that other Regions' stacks read at deployment.

        The construct's own ``table_name`` would want a fixed name, and that an account id, for the other Regions.
        """
        return name_everywhere(self.table)

    @property
    def attachment_index_name(self) -> str:
        """Name of the attachments' index in every Region, as ``table_name``."""
        return name_everywhere(self.attachment_index)


def _sender(given: SenderConfiguration | None) -> cognito.UserPoolEmail | None:
    if given is None:
        return None
    return cognito.UserPoolEmail.with_ses(
        from_email=given.address,
        from_name=given.name,
        ses_verified_domain=None if "@" in given.identity else given.identity,
    )
