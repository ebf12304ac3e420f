"""Documents of users on the embedded cloud: two phones of one person, other people, and who goes past the API."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from cdp_constructs import AuthorizedApi, SignInUserPool, UserDataLimits, UserDataStore
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture
from cdp_phone import DocumentApi, Replica, TryLaterError, sync

Deploy = Callable[[Callable[..., Any]], Deployment]

REGION = "us-east-1"
PASSWORD = "Correct-horse-9!"
JSON = {"Content-Type": "application/json"}
NEW = {"If-None-Match": "*"}


@architecture
def game(stack: Stack) -> None:
    users = SignInUserPool(
        stack, "Users", auth_flows=cognito.AuthFlow(user_password=True), removal_policy=RemovalPolicy.DESTROY
    )
    api = AuthorizedApi(stack, "Game", allowed_origins=[], issuer=users.issuer, removal_policy=RemovalPolicy.DESTROY)
    saves = UserDataStore(
        stack,
        "Saves",
        content_types=["application/json", "image/png"],
        limits=UserDataLimits(largest_kb=64, inline_kb=1, documents=8, total_mb=1, writes_per_minute=60),
        removal_policy=RemovalPolicy.DESTROY,
    )
    saves.add_routes(api.api, path="/saves")
    # What a user gets who has credentials of AWS, such as from an identity pool, for something else.
    phone = iam.Role(stack, "PhoneRole", assumed_by=iam.AccountRootPrincipal())
    phone.add_to_policy(iam.PolicyStatement(actions=["cognito-sync:*"], resources=["*"]))
    outputs = {
        "Api": api.api.api_id,
        "Pool": users.user_pool.user_pool_id,
        "Client": users.user_pool_client.user_pool_client_id,
        "Function": saves.function.function_name,
        "Table": saves.table.table_name,
        "Bucket": saves.bucket.bucket_name,
        "PhoneRole": phone.role_arn,
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Output", value=value)


class Game:
    """The deployed store, and people with accounts."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        ((_, outputs),) = deployment.outputs.items()
        self.outputs = {name.removesuffix("Output"): value for name, value in outputs.items()}
        self.url = f"{cloud.http_api_url(self.outputs['Api'])}/saves"
        self._cognito = cloud.client("cognito-idp", REGION)

    def sign_up(self, name: str) -> str:
        """Return an access token of a new user."""
        client = self.outputs["Client"]
        self._cognito.sign_up(ClientId=client, Username=name, Password=PASSWORD)
        self._cognito.admin_confirm_sign_up(UserPoolId=self.outputs["Pool"], Username=name)
        given = {"USERNAME": name, "PASSWORD": PASSWORD}
        answer = self._cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        return str(answer["AuthenticationResult"]["AccessToken"])

    def call(self, method: str, path: str, token: str | None, content: bytes = b"", **headers: str) -> httpx.Response:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {**authorization, **named}
        return httpx.request(method, f"{self.url}{path}", content=content, headers=headers, timeout=60)

    def objects(self) -> list[str]:
        found = self.cloud.client("s3", REGION).list_objects_v2(Bucket=self.outputs["Bucket"])
        return [one["Key"] for one in found.get("Contents", [])]


@pytest.fixture(scope="module")
def deployed_game(local_cloud: LocalCloud, deployed: Deploy) -> Game:
    return Game(local_cloud, deployed(game))


@pytest.fixture
def anna(deployed_game: Game, request: pytest.FixtureRequest) -> str:
    return deployed_game.sign_up(f"anna-{request.node.name}@example.com".replace("[", "-").replace("]", ""))


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[tuple[Replica, Replica]]:
    with Replica.open(tmp_path / "phone") as phone, Replica.open(tmp_path / "tablet") as tablet:
        yield phone, tablet


def test_two_phones_of_one_person_end_up_equal(deployed_game: Game, anna: str, phones: tuple[Replica, Replica]) -> None:
    phone, tablet = phones
    api = DocumentApi(deployed_game.url, lambda: anna)
    phone.put("settings", b'{"volume": 7, "language": "en"}')
    phone.put("slot-1", b'{"level": 1}')
    sync(phone, api)
    sync(tablet, api)
    assert tablet.documents() == phone.documents()

    # Both are offline, and change the same document and others.
    phone.put("settings", b'{"volume": 3, "language": "en"}')
    phone.delete("slot-1")
    tablet.put("settings", b'{"volume": 7, "language": "ja"}')
    tablet.put("slot-2", b'{"level": 9}')

    sync(tablet, api)
    sync(phone, api)  # comes second, and merges
    sync(tablet, api)
    assert tablet.documents() == phone.documents()
    assert json.loads(phone.documents()["settings"]) == {"volume": 3, "language": "ja"}
    assert phone.documents().keys() == {"settings", "slot-2"}


def test_a_phone_whose_answer_was_lost_does_not_write_twice(
    deployed_game: Game, anna: str, phones: tuple[Replica, Replica]
) -> None:
    lost = 0

    class Tunnel(httpx.HTTPTransport):
        """Loses the answer to each first write."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal lost
            answer = super().handle_request(request)
            if request.method == "PUT" and lost == 0:
                lost += 1
                answer.read()
                raise httpx.ReadError("the train is in a tunnel")
            return answer

    phone, tablet = phones
    api = DocumentApi(deployed_game.url, lambda: anna)
    with httpx.Client(transport=Tunnel(), timeout=60) as client:
        phone.put("coins", b"100")
        with pytest.raises(TryLaterError):
            sync(phone, DocumentApi(deployed_game.url, lambda: anna, client))
    assert lost == 1
    sync(tablet, api)
    tablet.put("coins", b"130")
    sync(tablet, api)
    phone.put("coins", b"110")

    def sums(_key: str, base: bytes | None, mine: bytes | None, theirs: bytes | None) -> bytes:
        began, here, there = (int(one or 0) for one in (base, mine, theirs))
        return str(there + here - began).encode()

    sync(phone, api, merge=sums)
    sync(tablet, api, merge=sums)
    assert phone.documents() == tablet.documents() == {"coins": b"140"}


def test_what_is_large_is_in_the_bucket_and_what_is_replaced_is_deleted(deployed_game: Game, anna: str) -> None:
    before = set(deployed_game.objects())
    large, larger, small = (json.dumps("x" * size).encode() for size in (3000, 5000, 10))
    sizes = []
    etag = ""
    for number, content in enumerate((large, larger, small, large)):
        known = {"If_Match": etag} if number else {"If_None_Match": "*"}
        answer = deployed_game.call("PUT", "/world", anna, content, Content_Type="application/json", **known)
        assert answer.status_code == (200 if number else 201), answer.text
        etag = answer.headers["etag"]
        read = deployed_game.call("GET", "/world", anna)
        assert (read.content, read.headers["etag"]) == (content, etag)
        sizes.append(len(set(deployed_game.objects()) - before))
    assert sizes == [1, 1, 0, 1]
    changes = deployed_game.call("GET", "", anna).json()["changes"]
    assert [(one["size"], one["data"]) for one in changes] == [(len(large), None)]
    assert deployed_game.call("DELETE", "/world", anna, If_Match=etag).status_code == 200
    assert set(deployed_game.objects()) == before
    assert deployed_game.call("GET", "/world", anna).status_code == 404


def test_an_object_that_no_document_got_is_deleted_by_the_next_large_write(deployed_game: Game, anna: str) -> None:
    """The function was killed between object and item, ten minutes ago."""
    put = deployed_game.call("PUT", "/a", anna, b"1", **_underscored(JSON | NEW))
    assert put.status_code == 201
    table = boto3.resource(
        "dynamodb", region_name=REGION, endpoint_url=deployed_game.cloud.endpoint, **_root(deployed_game.cloud)
    ).Table(deployed_game.outputs["Table"])
    user = next(one["pk"] for one in table.scan()["Items"] if one["sk"] == "COUNTER" and one["last_change"] == 1)
    bucket = deployed_game.cloud.client("s3", REGION)
    key = f"users/{user.removeprefix('USER#')}/left"
    bucket.put_object(Bucket=deployed_game.outputs["Bucket"], Key=key, Body=b"x")
    table.put_item(Item={"pk": user, "sk": "OBJECT#left", "noted_at": 1_000_000_000})
    large = json.dumps("x" * 3000).encode()
    assert deployed_game.call("PUT", "/b", anna, large, **_underscored(JSON | NEW)).status_code == 201
    assert key not in deployed_game.objects()
    assert "Item" not in table.get_item(Key={"pk": user, "sk": "OBJECT#left"})


def test_nobody_reads_or_writes_what_is_of_another_user(deployed_game: Game, anna: str) -> None:
    ben = deployed_game.sign_up("ben@example.com")
    put = deployed_game.call("PUT", "/diary", anna, b'"secret"', **_underscored(JSON | NEW))
    assert put.status_code == 201
    assert deployed_game.call("GET", "/diary", ben).status_code == 404
    assert deployed_game.call("GET", "", ben).json()["changes"] == []
    # A version of hers means nothing to him.
    etag = put.headers["etag"]
    assert deployed_game.call("PUT", "/diary", ben, b"1", If_Match=etag, **_underscored(JSON)).status_code == 412
    for path in ("/..%2Fanna%2Fdiary", "/USER%23anna", "/%2e%2e"):
        assert deployed_game.call("GET", path, ben).status_code in {400, 404}
    assert deployed_game.call("GET", "/diary", anna).text == '"secret"'


def test_who_has_no_token_gets_nothing(deployed_game: Game) -> None:
    for method, path in (("GET", ""), ("GET", "/a"), ("PUT", "/a"), ("DELETE", "/a")):
        assert deployed_game.call(method, path, None, If_None_Match="*").status_code == 401
        assert deployed_game.call(method, path, "made.up.token", If_None_Match="*").status_code == 401


def test_the_function_cannot_be_called_around_the_api(deployed_game: Game, anna: str) -> None:
    """Not with a user's credentials of AWS, not with none, and not with an event that names somebody."""
    put = deployed_game.call("PUT", "/diary", anna, b'"secret"', **_underscored(JSON | NEW))
    assert put.status_code == 201
    claims = {"requestContext": {"authorizer": {"jwt": {"claims": {"sub": "anna"}}}}, "rawPath": "/saves"}
    forged = json.dumps(claims).encode()
    role = {"RoleArn": deployed_game.outputs["PhoneRole"], "RoleSessionName": "phone"}
    given = deployed_game.cloud.client("sts", REGION).assume_role(**role)["Credentials"]
    signed = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    callers = {"a user with credentials": signed, "nobody": {"config": Config(signature_version=UNSIGNED)}}
    for who, credentials in callers.items():
        client: Any = boto3.client(
            "lambda", region_name=REGION, endpoint_url=deployed_game.cloud.endpoint, **credentials
        )
        for kind in ("RequestResponse", "Event"):
            with pytest.raises(ClientError) as refused:
                client.invoke(FunctionName=deployed_game.outputs["Function"], InvocationType=kind, Payload=forged)
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, who
    functions = deployed_game.cloud.client("lambda", REGION)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function_url_config(FunctionName=deployed_game.outputs["Function"])
    policy = json.loads(functions.get_policy(FunctionName=deployed_game.outputs["Function"])["Policy"])
    assert policy["Statement"]
    for statement in policy["Statement"]:
        assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        source = next(iter(statement["Condition"].values()))["AWS:SourceArn"]
        assert f":{deployed_game.outputs['Api']}/" in source


@pytest.mark.parametrize(
    ("status", "content", "headers"),
    [
        (413, b'"' + b"x" * 65_536 + b'"', JSON | NEW),
        (415, b"<svg/>", {"Content-Type": "image/svg+xml"} | NEW),
        (400, b"{", JSON | NEW),
        (400, b"", JSON | NEW),
        (428, b"1", JSON),
        (400, b"1", JSON | {"If-Match": "7"}),
        (400, b"1", JSON | NEW | {"Idempotency-Key": "no device"}),
        (412, b"1", JSON | {"If-Match": '"7"'}),
    ],
)
def test_what_is_not_accepted_is_refused_and_nothing_is_written(
    deployed_game: Game, anna: str, status: int, content: bytes, headers: dict[str, str]
) -> None:
    answer = deployed_game.call("PUT", "/a", anna, content, **_underscored(headers))
    assert answer.status_code == status
    assert answer.json()["message"]
    assert deployed_game.call("GET", "", anna).json()["changes"] == []


def test_who_keeps_too_much_or_writes_too_often_is_refused(deployed_game: Game, anna: str) -> None:
    for number in range(8):
        assert deployed_game.call("PUT", f"/{number}", anna, b"1", **_underscored(JSON | NEW)).status_code == 201
    full = deployed_game.call("PUT", "/more", anna, b"1", **_underscored(JSON | NEW))
    assert (full.status_code, "8 documents" in full.text) == (403, True)
    # Making room is not refused.
    read = deployed_game.call("GET", "/0", anna)
    assert deployed_game.call("DELETE", "/0", anna, If_Match=read.headers["etag"]).status_code == 200
    etag = deployed_game.call("PUT", "/more", anna, b"1", **_underscored(JSON | NEW)).headers["etag"]
    answers = []
    # The minute may end in between; in two there are more writes than allowed.
    for _ in range(125):
        answer = deployed_game.call("PUT", "/more", anna, b"2", If_Match=etag, **_underscored(JSON))
        answers.append(answer.status_code)
        if answer.status_code == 429:
            break
        etag = answer.headers["etag"]
    assert answers[-1] == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_pictures_come_back_byte_by_byte(deployed_game: Game, anna: str) -> None:
    picture = bytes(range(256)) * 2
    headers = {"Content-Type": "image/png"} | NEW
    assert deployed_game.call("PUT", "/avatar", anna, picture, **_underscored(headers)).status_code == 201
    read = deployed_game.call("GET", "/avatar", anna)
    assert (read.content, read.headers["content-type"]) == (picture, "image/png")
    assert read.headers["x-content-type-options"] == "nosniff"
    assert deployed_game.call("GET", "/avatar", anna, If_None_Match=read.headers["etag"]).status_code == 304


def _underscored(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}


def _root(cloud: LocalCloud) -> dict[str, str]:
    key, secret = cloud.root.credentials()
    return {"aws_access_key_id": key, "aws_secret_access_key": secret}
