"""Users of an identity pool on the embedded cloud: each reaches what is theirs with boto3, and nothing else."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from botocore.exceptions import ClientError

from cdp_constructs import SignInUserPool, UserIdentityPool
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture

Deploy = Callable[[Callable[..., Any]], Deployment]

PASSWORD = "Correct-horse-9!"
REGION = "us-east-1"


def key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def add_pool(stack: Stack, name: str, **options: Any) -> SignInUserPool:
    by_password = cognito.AuthFlow(user_password=True)
    users = SignInUserPool(stack, name, auth_flows=by_password, removal_policy=RemovalPolicy.DESTROY, **options)
    CfnOutput(stack, f"{name}Pool", value=users.user_pool.user_pool_id)
    CfnOutput(stack, f"{name}Client", value=users.user_pool_client.user_pool_client_id)
    return users


@architecture
def notes_and_photos(stack: Stack) -> UserIdentityPool:
    ours = add_pool(stack, "Ours")
    add_pool(stack, "Theirs")
    notes = dynamodb.TableV2(stack, "Notes", partition_key=key("owner"), sort_key=key("note"))
    notes.add_global_secondary_index(index_name="by_note", partition_key=key("note"))
    shared = dynamodb.TableV2(stack, "Shared", partition_key=key("pk"), sort_key=key("sk"))
    photos = s3.Bucket(stack, "Photos", removal_policy=RemovalPolicy.DESTROY)
    identities = UserIdentityPool(stack, "Identities", issuer=ours.issuer, removal_policy=RemovalPolicy.DESTROY)
    identities.grant_own_items(notes)
    identities.grant_own_items(shared, partition="NOTE", read_only=True)
    identities.grant_own_objects(photos, prefix="photos/")
    moderators = identities.add_group("Moderators", name="moderators", precedence=1)
    readers = identities.add_group("Readers", name="readers", precedence=2)
    notes.grant_read_data(moderators)
    identities.grant_own_items(notes, read_only=True, role=readers)
    open_to_all = UserIdentityPool(
        stack, "Open", issuer=ours.issuer, allow_guests=True, removal_policy=RemovalPolicy.DESTROY
    )
    open_to_all.grant_own_objects(photos, prefix="carts/", role=open_to_all.guest_role)
    paying = open_to_all.add_role("Paying", claim="custom:plan", value="gold")
    ours.user_pool.node.default_child.schema = [  # type: ignore[union-attr]
        cognito.CfnUserPool.SchemaAttributeProperty(name="plan", attribute_data_type="String", mutable=True)
    ]
    open_to_all.grant_own_objects(photos, prefix="prints/", role=paying)
    for name, value in (
        ("Notes", notes.table_name),
        ("Shared", shared.table_name),
        ("Photos", photos.bucket_name),
        ("Identities", identities.identity_pool.ref),
        ("Open", open_to_all.identity_pool.ref),
    ):
        CfnOutput(stack, f"{name}Name", value=value)
    return identities


class Person:
    """Somebody with an account, and with what the identity pool gives for it."""

    def __init__(self, app: "Application", tokens: dict[str, str], pool: str) -> None:
        self._app, self.tokens = app, tokens
        logins = app.logins(tokens["IdToken"])
        self.identity = app.identities.get_id(IdentityPoolId=app.outputs[f"{pool}Name"], Logins=logins)["IdentityId"]
        self.credentials = app.credentials(self.identity, logins)

    def client(self, service: str) -> Any:
        return self._app.cloud.client(service, region=REGION, credentials=self.credentials)

    def notes(self, **item: str) -> dict[str, Any]:
        return {"owner": {"S": self.identity}, **{name: {"S": value} for name, value in item.items()}}


class Application:
    """The deployed pools, table and bucket, for clients without any credentials of AWS."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        ((_, self.outputs),) = deployment.outputs.items()
        self.cloud = cloud
        self.admin = cloud.client("cognito-idp", region=REGION)
        self.identities = cloud.client("cognito-identity", region=REGION)
        self.photos, self.table, self.shared = (self.outputs[f"{name}Name"] for name in ("Photos", "Notes", "Shared"))

    def provider(self, pool: str = "Ours") -> str:
        return f"cognito-idp.{REGION}.amazonaws.com/{self.outputs[f'{pool}Pool']}"

    def logins(self, token: str, pool: str = "Ours") -> dict[str, str]:
        return {self.provider(pool): token}

    def sign_up(self, pool: str = "Ours", *, groups: tuple[str, ...] = (), plan: str = "") -> str:
        name = f"{uuid.uuid4().hex}@example.com"
        self.admin.sign_up(ClientId=self.outputs[f"{pool}Client"], Username=name, Password=PASSWORD)
        self.admin.admin_confirm_sign_up(UserPoolId=self.outputs[f"{pool}Pool"], Username=name)
        for group in groups:
            self.admin.admin_add_user_to_group(UserPoolId=self.outputs[f"{pool}Pool"], Username=name, GroupName=group)
        if plan:
            self.admin.admin_update_user_attributes(
                UserPoolId=self.outputs[f"{pool}Pool"],
                Username=name,
                UserAttributes=[{"Name": "custom:plan", "Value": plan}],
            )
        return name

    def sign_in(self, name: str, pool: str = "Ours") -> dict[str, str]:
        given = {"USERNAME": name, "PASSWORD": PASSWORD}
        answer = self.admin.initiate_auth(
            ClientId=self.outputs[f"{pool}Client"], AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given
        )
        tokens: dict[str, str] = answer["AuthenticationResult"]
        return tokens

    def person(self, pool: str = "Identities", **account: Any) -> Person:
        return Person(self, self.sign_in(self.sign_up(**account)), pool)

    def credentials(self, identity: str, logins: dict[str, str], **more: str) -> Any:
        return self.identities.get_credentials_for_identity(IdentityId=identity, Logins=logins, **more)["Credentials"]


@pytest.fixture(scope="session")
def app(local_cloud: LocalCloud, deployed: Deploy) -> Application:
    return Application(local_cloud, deployed(notes_and_photos))


@pytest.fixture(scope="session")
def ada(app: Application) -> Person:
    return app.person()


@pytest.fixture(scope="session")
def bob(app: Application) -> Person:
    return app.person()


def refused(call: Callable[..., Any], *codes: str, **request: Any) -> str:
    """Return the message of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    assert error["Code"] in (codes or ("AccessDenied", "AccessDeniedException")), error
    return str(error["Message"])


OPERATIONS: dict[str, Callable[[str, dict[str, Any]], dict[str, Any]]] = {
    "get_item": lambda table, key: {"TableName": table, "Key": key},
    "put_item": lambda table, key: {"TableName": table, "Item": {**key, "words": {"S": "x"}}},
    "update_item": lambda table, key: {"TableName": table, "Key": key, "UpdateExpression": "REMOVE words"},
    "delete_item": lambda table, key: {"TableName": table, "Key": key},
    "query": lambda table, key: {
        "TableName": table,
        "KeyConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {":owner": key["owner"]},
    },
    "batch_get_item": lambda table, key: {"RequestItems": {table: {"Keys": [key]}}},
    "batch_write_item": lambda table, key: {"RequestItems": {table: [{"PutRequest": {"Item": key}}]}},
    "transact_get_items": lambda table, key: {"TransactItems": [{"Get": {"TableName": table, "Key": key}}]},
    "transact_write_items": lambda table, key: {"TransactItems": [{"Put": {"TableName": table, "Item": key}}]},
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_user_reaches_own_items_and_nobody_elses(app: Application, ada: Person, bob: Person, operation: str) -> None:
    call = getattr(ada.client("dynamodb"), operation)
    call(**OPERATIONS[operation](app.table, ada.notes(note="1")))
    refused(call, **OPERATIONS[operation](app.table, bob.notes(note="1")))


def test_one_foreign_item_in_a_batch_or_a_transaction_is_enough_to_refuse_it(
    app: Application, ada: Person, bob: Person
) -> None:
    client, keys = ada.client("dynamodb"), [ada.notes(note="1"), bob.notes(note="1")]
    refused(client.batch_get_item, RequestItems={app.table: {"Keys": keys}})
    refused(client.batch_write_item, RequestItems={app.table: [{"DeleteRequest": {"Key": key}} for key in keys]})
    writes = [{"Put": {"TableName": app.table, "Item": item}} for item in keys]
    refused(client.transact_write_items, TransactItems=writes)


def test_nothing_reads_around_the_partition_key(app: Application, ada: Person) -> None:
    client = ada.client("dynamodb")
    refused(client.scan, TableName=app.table)
    everything = f'SELECT * FROM "{app.table}"'  # noqa: S608 - the name of the test's own table
    refused(client.execute_statement, Statement=everything)
    refused(
        client.query,
        TableName=app.table,
        IndexName="by_note",
        KeyConditionExpression="note = :note",
        ExpressionAttributeValues={":note": {"S": "1"}},
    )


def test_a_partition_before_the_identity_is_compared_too(app: Application, ada: Person, bob: Person) -> None:
    client = ada.client("dynamodb")
    own = {"pk": {"S": f"NOTE#{ada.identity}"}, "sk": {"S": "1"}}
    client.get_item(TableName=app.shared, Key=own)
    refused(client.put_item, TableName=app.shared, Item=own)
    for foreign in (ada.identity, f"NOTE#{bob.identity}", f"ROOM#{ada.identity}", f"NOTE#{ada.identity}#"):
        refused(client.get_item, TableName=app.shared, Key={**own, "pk": {"S": foreign}})


def test_a_user_reaches_own_objects_and_nobody_elses(app: Application, ada: Person, bob: Person) -> None:
    own, foreign = (f"photos/{person.identity}/a b/ä.jpg" for person in (ada, bob))
    bob.client("s3").put_object(Bucket=app.photos, Key=foreign, Body=b"of bob")
    client = ada.client("s3")
    client.put_object(Bucket=app.photos, Key=own, Body=b"of ada")
    assert client.get_object(Bucket=app.photos, Key=own)["Body"].read() == b"of ada"
    refused(client.get_object, Bucket=app.photos, Key=foreign)
    refused(client.put_object, Bucket=app.photos, Key=foreign, Body=b"")
    refused(client.delete_object, Bucket=app.photos, Key=foreign)
    refused(client.copy_object, Bucket=app.photos, Key=own, CopySource={"Bucket": app.photos, "Key": foreign})
    for near in (f"photos/{ada.identity}", f"photos/{ada.identity}x/a", f"{ada.identity}/a", "photos/a"):
        refused(client.put_object, Bucket=app.photos, Key=near, Body=b"")
    client.delete_object(Bucket=app.photos, Key=own)


def test_a_user_lists_own_objects_only(app: Application, ada: Person, bob: Person) -> None:
    client = ada.client("s3")
    client.put_object(Bucket=app.photos, Key=f"photos/{ada.identity}/1.jpg", Body=b"")
    listed = client.list_objects_v2(Bucket=app.photos, Prefix=f"photos/{ada.identity}/")["Contents"]
    assert [item["Key"] for item in listed] == [f"photos/{ada.identity}/1.jpg"]
    refused(client.list_objects_v2, Bucket=app.photos)
    for prefix in ("", "photos/", f"photos/{ada.identity}", f"photos/{bob.identity}/"):
        refused(client.list_objects_v2, Bucket=app.photos, Prefix=prefix)


def test_an_identity_stays_the_same_and_is_nobody_elses(app: Application) -> None:
    name = app.sign_up()
    first, second = (Person(app, app.sign_in(name), "Identities") for _ in range(2))
    assert first.identity == second.identity
    logins = app.logins(app.person().tokens["IdToken"])
    refused(
        app.identities.get_credentials_for_identity, "NotAuthorizedException", IdentityId=first.identity, Logins=logins
    )


def test_who_has_not_signed_in_gets_nothing(app: Application, ada: Person) -> None:
    get_id = app.identities.get_id
    message = refused(get_id, "NotAuthorizedException", IdentityPoolId=app.outputs["IdentitiesName"])
    assert message == "Unauthenticated access is not supported for this identity pool."
    credentials = app.identities.get_credentials_for_identity
    refused(credentials, "NotAuthorizedException", IdentityId=ada.identity)
    made_up = f"{REGION}:{uuid.uuid4()}"
    refused(credentials, "ResourceNotFoundException", IdentityId=made_up, Logins=app.logins(ada.tokens["IdToken"]))


def test_tokens_of_others_are_refused(app: Application, ada: Person) -> None:
    foreign = app.sign_in(app.sign_up("Theirs"), "Theirs")["IdToken"]
    head, payload, signature = ada.tokens["IdToken"].split(".")
    for logins in (
        app.logins(foreign),
        app.logins(foreign, "Theirs"),
        app.logins(ada.tokens["AccessToken"]),
        app.logins(f"{head}.{payload}.{signature[::-1]}"),
        {"accounts.google.com": ada.tokens["IdToken"]},
    ):
        refused(
            app.identities.get_id, "NotAuthorizedException", IdentityPoolId=app.outputs["IdentitiesName"], Logins=logins
        )


def test_a_token_that_has_expired_is_refused(app: Application) -> None:
    pool, client = app.outputs["OursPool"], app.outputs["OursClient"]
    described = app.admin.describe_user_pool_client(UserPoolId=pool, ClientId=client)["UserPoolClient"]
    kept = {name: described[name] for name in ("IdTokenValidity", "TokenValidityUnits")}
    # Shorter than AWS allows: nobody waits five minutes here.
    brief = {"IdTokenValidity": 1, "TokenValidityUnits": {**kept["TokenValidityUnits"], "IdToken": "seconds"}}
    app.admin.update_user_pool_client(UserPoolId=pool, ClientId=client, **brief)
    try:
        person = app.person()
    finally:
        app.admin.update_user_pool_client(UserPoolId=pool, ClientId=client, **kept)
    time.sleep(2)
    logins = app.logins(person.tokens["IdToken"])
    credentials = app.identities.get_credentials_for_identity
    message = refused(credentials, "NotAuthorizedException", IdentityId=person.identity, Logins=logins)
    assert message.startswith("Invalid login token. Token expired")


@pytest.mark.parametrize("end", ["admin_user_global_sign_out", "admin_disable_user", "admin_delete_user"])
def test_a_session_that_was_ended_gets_no_more_credentials(app: Application, end: str) -> None:
    name = app.sign_up()
    person = Person(app, app.sign_in(name), "Identities")
    getattr(app.admin, end)(UserPoolId=app.outputs["OursPool"], Username=name)
    logins = app.logins(person.tokens["IdToken"])
    refused(
        app.identities.get_credentials_for_identity, "NotAuthorizedException", IdentityId=person.identity, Logins=logins
    )


def test_the_classic_flow_is_closed(app: Application, ada: Person) -> None:
    logins = app.logins(ada.tokens["IdToken"])
    refused(app.identities.get_open_id_token, "InvalidParameterException", IdentityId=ada.identity, Logins=logins)


def test_a_group_gives_its_role_and_the_lowest_precedence_counts(app: Application, ada: Person) -> None:
    item = ada.notes(note="1")
    ada.client("dynamodb").put_item(TableName=app.table, Item=item)
    moderator = app.person(groups=("readers", "moderators"))
    role = moderator.client("sts").get_caller_identity()["Arn"].split("/")[1]
    assert "Moderators" in role
    assert moderator.client("dynamodb").scan(TableName=app.table)["Items"]
    reader = app.person(groups=("readers",))
    reader.client("dynamodb").get_item(TableName=app.table, Key=reader.notes(note="1"))
    refused(reader.client("dynamodb").put_item, TableName=app.table, Item=reader.notes(note="1"))
    refused(reader.client("dynamodb").get_item, TableName=app.table, Key=item)


def test_a_member_of_several_groups_may_choose_one_of_their_roles_and_no_other(app: Application, ada: Person) -> None:
    person = app.person(groups=("readers", "moderators"))
    logins = app.logins(person.tokens["IdToken"])
    groups = app.admin.list_groups(UserPoolId=app.outputs["OursPool"])["Groups"]
    roles = {group["GroupName"]: group["RoleArn"] for group in groups if group.get("RoleArn")}
    chosen = app.credentials(person.identity, logins, CustomRoleArn=roles["readers"])
    refused(app.cloud.client("dynamodb", region=REGION, credentials=chosen).scan, TableName=app.table)
    refused(
        app.identities.get_credentials_for_identity,
        "NotAuthorizedException",
        IdentityId=ada.identity,
        Logins=app.logins(ada.tokens["IdToken"]),
        CustomRoleArn=roles["moderators"],
    )


def test_a_claim_gives_its_role(app: Application) -> None:
    for plan, may in (("gold", True), ("golden", False), ("", False)):
        person = app.person("Open", plan=plan)
        put = person.client("s3").put_object
        request = {"Bucket": app.photos, "Key": f"prints/{person.identity}/1.jpg", "Body": b""}
        if may:
            put(**request)
        else:
            refused(put, **request)


def test_guests_reach_their_own_only_where_they_are_an_option(app: Application, ada: Person) -> None:
    guest = app.identities.get_id(IdentityPoolId=app.outputs["OpenName"])["IdentityId"]
    other = app.identities.get_id(IdentityPoolId=app.outputs["OpenName"])["IdentityId"]
    client = app.cloud.client("s3", region=REGION, credentials=app.credentials(guest, {}))
    client.put_object(Bucket=app.photos, Key=f"carts/{guest}/cart.json", Body=b"{}")
    refused(client.put_object, Bucket=app.photos, Key=f"carts/{other}/cart.json", Body=b"{}")
    refused(client.put_object, Bucket=app.photos, Key=f"photos/{ada.identity}/1.jpg", Body=b"")


def test_credentials_say_who_they_are_and_end_after_an_hour(app: Application, ada: Person) -> None:
    arn = ada.client("sts").get_caller_identity()["Arn"]
    assert arn.endswith("/CognitoIdentityCredentials")
    left = ada.credentials["Expiration"].timestamp() - time.time()
    assert Duration.minutes(55).to_seconds() < left <= Duration.hours(1).to_seconds()
    altered = boto3.session.Session(
        aws_access_key_id=ada.credentials["AccessKeyId"],
        aws_secret_access_key=ada.credentials["SecretKey"],
        aws_session_token=f"{ada.credentials['SessionToken']}x",
        region_name=REGION,
    )
    call = altered.client("sts", endpoint_url=app.cloud.endpoint).get_caller_identity
    refused(call, "InvalidClientTokenId", "UnrecognizedClientException")
