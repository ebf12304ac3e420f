"""Board D9, the author's: what browsers call themselves, and what an identity of theirs may do there."""

from aws_cdk import Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs import SignInUserPool, SnsSqsFanout, UserIdentityPool
from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.names import name_everywhere
from cdp_constructs.core.periods import days
from cdp_constructs.core.tables import add_table, string_attribute
from stacks.dojo.browser_only.web_stack import BrowserOnlyWebStack
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import add_alarm_topic, add_outputs, add_users

__all__ = ["FILES", "BrowserOnlyStack"]

FILES = "files/"
"""Where people's folders are in the bucket."""


class BrowserOnlyStack(Stack):
    """Two tables, a bucket and a topic that signed-in browsers reach with credentials of their own.

    Args:
        scope: The app or stage.
        construct_id: The stack's name; the one of the page has the same with ``Web``.
        env: Where the data is.
        configuration: What the operator decides.
    """

    web: BrowserOnlyWebStack
    """The page, in us-east-1."""
    users: SignInUserPool
    """Who has an account."""
    identities: UserIdentityPool
    """Gives each of them an identity and credentials of AWS."""
    messages: dynamodb.TableV2
    """What was said, by the identity of its author; by room in the index ``by_room``."""
    people: dynamodb.TableV2
    """What each says of itself; name and presence, and nothing else, by name in the index ``by_name``."""
    files: s3.Bucket
    """Pictures, below ``files/<identity>/``."""
    notices: SnsSqsFanout
    """Notices to people who are away."""

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Browser only: a chat without a server")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("browser_only")
        self.users = add_users(self, alarm_topic=alarm_topic)
        self.identities = UserIdentityPool(self, "Identities", issuer=self.users.issuer)
        self.messages = add_table(
            self,
            "Messages",
            partition_key="owner",
            sort_key="id",
            indexes=[_index("by_room", "room", "sent", projection_type=dynamodb.ProjectionType.ALL)],
            expires=False,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.people = add_table(
            self,
            "People",
            partition_key="owner",
            # What is not in the index stays between its owner and the table, such as a draft.
            indexes=[_index("by_name", "name", "seen", projection_type=dynamodb.ProjectionType.KEYS_ONLY)],
            expires=False,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.files = add_private_bucket(
            self,
            "Files",
            cors=[
                s3.CorsRule(
                    allowed_origins=[f"https://{name}"],
                    allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.PUT],
                    allowed_headers=["*"],
                    exposed_headers=["ETag"],
                )
            ],
            lifecycle_rules=[s3.LifecycleRule(id="ExpireOldVersions", noncurrent_version_expiration=days(30))],
        )
        self.notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        self._let_each_write_its_own()
        self._let_all_read()
        add_outputs(self, Url=f"https://{name}", **self.names)
        self.web = BrowserOnlyWebStack(
            scope,
            f"{construct_id}Web",
            env=Environment(account=env.account, region="us-east-1"),
            configuration=configuration,
            home=self.region,
            names=self.names,
        )
        self.web.add_dependency(self, "The page names what is here")

    @property
    def names(self) -> dict[str, str]:
        """What a client must know."""
        return {
            "UserPoolId": self.users.user_pool.user_pool_id,
            "ClientId": self.users.user_pool_client.user_pool_client_id,
            "IdentityPoolId": self.identities.identity_pool.ref,
            "MessagesTable": name_everywhere(self.messages),
            "PeopleTable": name_everywhere(self.people),
            "BucketName": name_everywhere(self.files),
            "TopicArn": name_everywhere(self.notices.topic),
        }

    def _let_each_write_its_own(self) -> None:
        """IAM compares the identity of who asks with the key that is written."""
        self.identities.grant_own_items(self.messages)
        self.identities.grant_own_items(self.people)
        self.identities.grant_own_objects(self.files, prefix=FILES)
        self.notices.grant_publish(self.identities.role)

    def _let_all_read(self) -> None:
        """No condition of IAM knows who is in a room: who may read one may read all of them."""
        role, pictures = self.identities.role, self.files.arn_for_objects(f"{FILES}*")
        tables = [
            self.messages.table_arn,
            f"{self.messages.table_arn}/index/by_room",
            f"{self.people.table_arn}/index/by_name",
        ]
        for action, resources in (("dynamodb:Query", tables), ("s3:GetObject", [pictures])):
            role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=resources))
        acknowledge_resources(role, [pictures], "A picture is for everybody who is in its room, and rooms are for all.")


def _index(
    name: str, partition_key: str, sort_key: str, *, projection_type: dynamodb.ProjectionType
) -> dynamodb.GlobalSecondaryIndexPropsV2:
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=name,
        partition_key=string_attribute(partition_key),
        sort_key=string_attribute(sort_key),
        projection_type=projection_type,
    )
