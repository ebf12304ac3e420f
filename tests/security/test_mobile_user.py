"""Another user of the mobile backend, with a good token: reaches for what others have, around the API and too much."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.testing import eventually
from demo.mobile.backend import Backend
from demo.mobile.phone import Phone, jpeg

REFUSALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorizedException"}
"""How services say that somebody may not do something; the third is SNS's."""
NEW = {"If-None-Match": "*"}


def is_refused(call: Callable[[], object]) -> bool:
    """Whether AWS refuses a call for want of permission."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSALS
    return False


def test_what_another_person_saved_is_neither_read_nor_written(backend: Backend, anna: Phone, ben: Phone) -> None:
    written = anna.call("PUT", "/saves/diary", json={"of": "anna"}, headers=NEW)
    assert written.status_code == 201
    etag = written.headers["ETag"]
    assert anna.call("GET", "/saves/diary").json() == {"of": "anna"}
    for path in ("/saves/diary", f"/saves/{anna.user}/diary", f"/saves/..%2F{anna.user}%2Fdiary"):
        for headers in ({}, {"X-User": anna.user}):
            assert "anna" not in ben.call("GET", path, headers=headers).text
    assert "diary" not in ben.call("GET", "/saves", params={"user": anna.user, "sub": anna.user}).text
    # Her version is good for her document only.
    for method in ("PUT", "DELETE"):
        assert ben.call(method, "/saves/diary", json={"of": "ben"}, headers={"If-Match": etag}).status_code == 412
    assert ben.call("PUT", "/saves/diary", json={"of": "ben"}, headers=NEW).status_code == 201
    assert anna.call("GET", "/saves/diary").json() == {"of": "anna"}
    table = backend.cloud.client("dynamodb", backend.region)
    items = table.scan(TableName=backend.resource("SavesTable"))["Items"]
    owners = {user for user in (anna.user, ben.user) for item in items if user in item["pk"]["S"]}
    assert owners == {anna.user, ben.user}, "each has one"


def test_a_form_for_the_own_pictures_uploads_nothing_for_another_person(anna: Phone, ben: Phone) -> None:
    picture = jpeg("red")
    request = {"name": "picture.jpg", "content_type": "image/jpeg", "size": len(picture)}
    form = ben.call("POST", "/uploads", json=request).raise_for_status().json()
    own, upload = form["fields"]["key"], uuid4()
    assert f"/{ben.user}/" in own
    for key in (
        own.replace(ben.user, anna.user),
        f"accepted/{anna.user}/{upload}/picture.jpg",
        f"accepted/{ben.user}/{upload}/picture.jpg",
        f"backups/{anna.credentials[0]}/phone.tar",
    ):
        fields = {**form["fields"], "key": key}
        refused = httpx.post(form["url"], data=fields, files={"file": picture}, timeout=60)
        assert refused.status_code == 403, key
    larger = httpx.post(form["url"], data=form["fields"], files={"file": picture + bytes(11_000_000)}, timeout=60)
    assert (larger.status_code, "EntityTooLarge" in larger.text) == (400, True)
    assert httpx.post(form["url"], data=form["fields"], files={"file": picture}, timeout=60).is_success


def test_a_form_for_more_than_is_accepted_is_not_given(ben: Phone) -> None:
    request: dict[str, Any] = {"name": "picture.jpg", "content_type": "image/jpeg", "size": 1_000}
    assert ben.call("POST", "/uploads", json=request).status_code == 201
    for change in (
        {"size": 11_000_000},
        {"size": -1},
        {"content_type": "text/html"},
        {"content_type": "image/svg+xml"},
    ):
        assert ben.call("POST", "/uploads", json={**request, **change}).status_code in {400, 413, 415, 422}, change
    # A name is only a name, whatever folder is in it.
    named = ben.call("POST", "/uploads", json={**request, "name": "../../accepted/picture.jpg"}).json()
    assert named["fields"]["key"].startswith(f"incoming/{ben.user}/")
    assert ".." not in named["fields"]["key"]


def test_an_address_is_signed_for_the_own_pictures_only(backend: Backend, anna: Phone, ben: Phone) -> None:
    rest = f"{uuid4()}/thumbnail/320.webp"
    hers = {"Bucket": backend.resource("PicturesUploadBucket"), "Key": f"accepted/{anna.user}/{rest}"}
    backend.s3.put_object(**hers, Body=b"of anna")
    assert anna.picture(f"{anna.user}/{rest}").content == b"of anna"
    assert ben.call("POST", "/downloads", json={"path": f"{ben.user}/{rest}"}).status_code == 200
    for path in (
        f"{anna.user}/{rest}",
        f"{ben.user}/../{anna.user}/{rest}",
        f"/{anna.user}/{rest}",
        "*",
        f"{ben.user}*",
    ):
        assert ben.call("POST", "/downloads", json={"path": path}).status_code in {400, 403}, path
    # For S3 this is a name in the own folder, which nobody has given to anything.
    assert ben.picture(f"{ben.user}/..%2F{anna.user}/{rest}").status_code in {403, 404}
    signed = ben.call("POST", "/downloads", json={"path": f"{ben.user}/{rest}"}).json()["url"]
    changed = signed.replace(ben.user, anna.user)
    assert httpx.get(backend.cloud.viewer_url(changed), timeout=60).status_code == 403


def test_credentials_reach_the_own_folder_and_no_other_prefix(backend: Backend, anna: Phone, ben: Phone) -> None:
    hers = anna.back_up("phone.tar", b"of anna")
    own = ben.back_up("phone.tar", b"of ben")
    assert ben.read_backup(own) == b"of ben"
    s3, bucket = ben.client("s3"), backend.outputs["BackupBucketName"]
    folder, theirs = own.rpartition("/")[0], hers.rpartition("/")[0]
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: s3.get_object(Bucket=bucket, Key=hers),
        "overwrite": lambda: s3.put_object(Bucket=bucket, Key=hers, Body=b"x"),
        "delete": lambda: s3.delete_object(Bucket=bucket, Key=hers),
        "copy": lambda: s3.copy_object(Bucket=bucket, Key=own, CopySource={"Bucket": bucket, "Key": hers}),
        "versions": lambda: s3.list_object_versions(Bucket=bucket, Prefix=folder),
        "policy": lambda: s3.get_bucket_policy(Bucket=bucket),
        "multipart": lambda: s3.create_multipart_upload(Bucket=bucket, Key=hers),
        "beside the folder": lambda: s3.put_object(Bucket=bucket, Key=f"{folder}x/phone.tar", Body=b"x"),
        "above the folder": lambda: s3.put_object(Bucket=bucket, Key="backups/phone.tar", Body=b"x"),
        **{
            f"list {prefix!r}": lambda prefix=prefix: s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
            for prefix in ("", "backups/", folder, f"{theirs}/")
        },
    }
    assert [what for what, call in calls.items() if not is_refused(call)] == []
    assert anna.read_backup(hers) == b"of anna"


def test_the_credentials_of_another_identity_are_not_given(backend: Backend, anna: Phone, ben: Phone) -> None:
    identities = backend.cloud.client("cognito-identity", backend.region)
    provider = f"cognito-idp.{backend.region}.amazonaws.com/{backend.outputs['UserPoolId']}"
    own, hers = ben.credentials[0], anna.credentials[0]
    give = identities.get_credentials_for_identity
    assert give(IdentityId=own, Logins={provider: ben.id_token})["Credentials"]
    assert is_refused(lambda: give(IdentityId=hers, Logins={provider: ben.id_token}))
    for role in ("SavesFunctionRole", "PicturesThumbnailsFunctionRole"):
        arn = backend.cloud.client("iam").get_role(RoleName=backend.resource(role))["Role"]["Arn"]
        # Where the pool has no rules, a role that is asked for is not looked at.
        given = give(IdentityId=own, CustomRoleArn=arn, Logins={provider: ben.id_token})["Credentials"]
        as_given = backend.cloud.client("sts", backend.region, credentials=given)
        assert backend.resource("BackupsIdentitiesRole") in as_given.get_caller_identity()["Arn"]
        assert is_refused(lambda arn=arn: ben.client("sts").assume_role(RoleArn=arn, RoleSessionName="member"))


def test_nothing_behind_the_api_is_called_around_it(backend: Backend, anna: Phone, ben: Phone) -> None:
    anna.call("PUT", "/saves/around", json={"of": "anna"}, headers=NEW)
    claims = {"requestContext": {"authorizer": {"jwt": {"claims": {"sub": anna.user}}}}}
    event = json.dumps({"routeKey": "GET /saves", "rawPath": "/saves", **claims}).encode()
    lambda_, dynamodb, sqs, sns = (ben.client(name) for name in ("lambda", "dynamodb", "sqs", "sns"))
    names = {name: backend.resource(name) for name in ("SavesFunction", "SavesTable", "DirectScores", "SavesBucket")}
    queue, topic = backend.resource("DirectReportsSupportQueue"), backend.resource("DirectReportsTopic")
    calls: dict[str, Callable[[], object]] = {
        "function": lambda: lambda_.invoke(FunctionName=names["SavesFunction"], Payload=event),
        "its code": lambda: lambda_.get_function(FunctionName=names["SavesFunction"]),
        "table": lambda: dynamodb.scan(TableName=names["SavesTable"]),
        "scores": lambda: dynamodb.put_item(
            TableName=names["DirectScores"], Item={"pk": {"S": f"SCORE#{ben.user}"}, "sk": {"S": "chess"}}
        ),
        "bucket": lambda: ben.client("s3").list_objects_v2(Bucket=names["SavesBucket"]),
        "queue": lambda: sqs.receive_message(QueueUrl=queue),
        "topic": lambda: sns.publish(TopicArn=topic, Message="{}"),
        "signing key": lambda: ben.client("secretsmanager").get_secret_value(
            SecretId=backend.resource("PicturesDeliverySigningKeysSecret")
        ),
    }
    assert [what for what, call in calls.items() if not is_refused(call)] == []
    # The API's own address is no way around it either.
    assert httpx.get(f"{backend.api}/saves", timeout=60).status_code == 401
    claimed = {"Authorization": f"Bearer {ben.token}", "X-Amzn-Claims-Sub": anna.user}
    assert "around" not in httpx.get(f"{backend.api}/saves", headers=claimed, timeout=60).text


SNS_FORM = "&TopicArn={other}&Action=Subscribe&Protocol=https&Endpoint=https%3A%2F%2Fevil.example.org"


def test_a_report_reaches_support_as_it_is_and_no_other_topic(backend: Backend, ben: Phone) -> None:
    other = backend.resource("PicturesUploadAcceptedTopic")
    text = f"{uuid4()} {SNS_FORM.format(other=other)}\n#set($x = 1)$context.identity.sourceIp\"'\\"
    assert ben.report(text).status_code == 202

    def received() -> dict[str, Any] | None:
        found = [json.loads(one) for one in backend.reports()]
        return next((one for one in found if one["data"]["text"] == text), None)

    report = eventually(received, within=30, what="the report")
    assert report["caller"] == ben.user
    subscribed = backend.cloud.client("sns", backend.region).list_subscriptions()["Subscriptions"]
    assert [one for one in subscribed if "evil" in one["Endpoint"]] == []


@pytest.mark.parametrize(
    "body",
    [
        {"version": "1.0", "text": "x", "TopicArn": "arn:aws:sns:ap-northeast-1:000000000000:other"},
        {"version": "1.0", "text": "x", "caller": "somebody else"},
        {"version": "1.0", "text": "x" * 4_001},
        {"version": "1.0"},
        [],
    ],
    ids=["another topic", "another caller", "too long", "no text", "no object"],
)
def test_a_report_with_more_than_a_report_reaches_nobody(ben: Phone, body: Any) -> None:
    assert ben.report("dark").status_code == 202
    assert ben.http.post("/direct/reports", json=body).status_code == 400


def test_a_score_names_neither_another_table_nor_another_owner(backend: Backend, anna: Phone, ben: Phone) -> None:
    assert anna.score("go", 7).status_code == 200
    assert ben.score("go", 5).status_code == 200
    hers = anna.http.get("/direct/scores").json()
    for body in (
        {"points": 1, "TableName": backend.resource("SavesTable")},
        {"points": 1, "pk": {"S": f"SCORE#{anna.user}"}},
        {"points": '1"},"pk":{"S":"x'},
    ):
        assert ben.http.put("/direct/scores/go", json=body).status_code == 400
    injections = (f'go"}},"pk":{{"S":"SCORE#{anna.user}', f"SCORE#{anna.user}", f"../SCORE#{anna.user}/go")
    for injection in injections:
        name = quote(injection, safe="")
        ben.http.put(f"/direct/scores/{name}", json={"points": 1})
        ben.http.delete(f"/direct/scores/{name}")
        seen = ben.http.get("/direct/scores", params={"after": injection})
        assert not [one for one in seen.json().get("items", []) if one["data"] == {"points": 7}]
    assert anna.http.get("/direct/scores").json() == hers
    assert ben.http.get("/direct/scores/go").json() == {"points": 5}


@pytest.mark.parametrize(
    ("method", "path", "size", "refusals"),
    [
        ("PUT", "/api/saves/large", 600_000, {413}),
        ("PUT", "/api/saves/large", 11_000_000, {413}),
        ("POST", "/direct/reports", 11_000_000, {400, 413}),
        ("PUT", "/direct/scores/large", 500_000, {400, 413}),
    ],
)
def test_a_body_that_is_too_large_is_written_nowhere(
    ben: Phone, method: str, path: str, size: int, refusals: set[int]
) -> None:
    body = json.dumps({"points": "x" * size, "version": "1", "text": "x"}).encode()
    headers = {"Content-Type": "application/json", **NEW}
    answer = ben.http.request(method, path, content=body, headers=headers)
    assert answer.status_code in refusals, answer.text[:200]
    assert "large" not in ben.http.get("/api/saves").text + ben.http.get("/direct/scores").text
