"""What DirectObjectUpload does, seen by the clients of a deployed one."""

import io
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from botocore.exceptions import ClientError
from PIL import Image

from cdp_constructs import DirectObjectUpload, SnsSqsFanout
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from tests.queues import messages_in

REGION = "us-east-1"
ORIGIN = "https://www.example.com"
PASSWORD = "Correct-horse-9"
MEGABYTE = 1_000_000


@architecture
def gallery(stack: Stack) -> None:
    upload = DirectObjectUpload(
        stack,
        "Pictures",
        content_types=["image/jpeg", "image/png", "text/plain"],
        max_size_mb=10,
        allowed_origins=[ORIGIN],
    )
    accepted = SnsSqsFanout(stack, "Accepted", topic=upload.topic).add_subscriber("All")
    videos = DirectObjectUpload(stack, "Videos", content_types=["video/mp4"], max_size_mb=200, allowed_origins=[ORIGIN])
    brief = DirectObjectUpload(
        stack,
        "Brief",
        content_types=["image/jpeg"],
        max_size_mb=1,
        allowed_origins=[ORIGIN],
        expiry=Duration.seconds(1),
    )
    users = cognito.UserPool(stack, "Users")
    web = users.add_client("Web", auth_flows=cognito.AuthFlow(user_password=True))
    api = apigatewayv2.HttpApi(stack, "Api")
    authorizer = authorizers.HttpJwtAuthorizer(
        "Users", users.user_pool_provider_url, jwt_audience=[web.user_pool_client_id]
    )
    upload.add_routes(api, authorizer=authorizer)
    application, stranger = (
        iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal()) for name in ("Application", "Stranger")
    )
    upload.grant_issue(application)
    outputs = {
        "Bucket": upload.bucket.bucket_name,
        "Form": upload.form_function.function_name,
        "Queue": upload.queue.queue_url,
        "QueueArn": upload.queue.queue_arn,
        "Failed": upload.dead_letter_queue.queue_url,
        "FailedArn": upload.dead_letter_queue.queue_arn,
        "AcceptedQueue": accepted.queue.queue_url,
        "VideosForm": videos.form_function.function_name,
        "VideosBucket": videos.bucket.bucket_name,
        "BriefForm": brief.form_function.function_name,
        "ApplicationRole": application.role_arn,
        "StrangerRole": stranger.role_arn,
        "ApiId": api.api_id,
        "UserPoolId": users.user_pool_id,
        "ClientId": web.user_pool_client_id,
    }
    for name, value in outputs.items():
        CfnOutput(stack, name, value=value)


class Gallery:
    """The deployed gallery, and what its clients do with it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        self.outputs = deployment.outputs["DirectObjectUploadGallery"]
        self.s3 = cloud.client("s3", REGION)
        self.sqs = cloud.client("sqs", REGION)
        self.messages: list[dict[str, Any]] = []

    def as_role(self, role: str, service: str) -> Any:
        sts = self.cloud.client("sts", REGION)
        answer = sts.assume_role(RoleArn=self.outputs[role], RoleSessionName="test")
        return self.cloud.client(service, REGION, answer["Credentials"])

    def ask(self, request: dict[str, Any], *, form: str = "Form") -> dict[str, Any]:
        """The form function's answer to the application."""
        functions = self.as_role("ApplicationRole", "lambda") if form == "Form" else self.cloud.client("lambda", REGION)
        answer = functions.invoke(FunctionName=self.outputs[form], Payload=json.dumps({"owner": "ann", **request}))
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        return payload

    def form(self, name: str = "cat.jpg", content_type: str = "image/jpeg", **request: Any) -> dict[str, Any]:
        answer = self.ask({"name": name, "content_type": content_type, **request})
        assert "url" in answer, answer
        return answer

    def keys(self, prefix: str, form: dict[str, Any]) -> list[str]:
        answer = self.s3.list_objects_v2(Bucket=self.outputs["Bucket"], Prefix=f"{prefix}/ann/{form['upload_id']}/")
        return [item["Key"] for item in answer.get("Contents", [])]

    def versions(self, form: dict[str, Any]) -> list[str]:
        """Keys of everything that is kept of one upload: every version, and every delete marker, of every prefix."""
        found = []
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.outputs["Bucket"]):
            found += [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        return [item["Key"] for item in found if form["upload_id"] in item["Key"]]

    def moved(self, form: dict[str, Any], prefix: str) -> str:
        """The object's key below the prefix once it has left incoming/."""
        return eventually(lambda: not self.keys("incoming", form) and self.keys(prefix, form))[0]  # type: ignore[no-any-return]

    def accepted(self, form: dict[str, Any]) -> list[dict[str, Any]]:
        """Messages about one upload; those about others are remembered."""
        url = self.outputs["AcceptedQueue"]
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in answer.get("Messages", []):
            attributes = {name: item["StringValue"] for name, item in message.get("MessageAttributes", {}).items()}
            self.messages.append({**json.loads(message["Body"]), "attributes": attributes})
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message for message in self.messages if message["upload_id"] == form["upload_id"]]


@pytest.fixture(scope="module")
def deployed_gallery(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Gallery:
    return Gallery(local_cloud, deployed(gallery))


def jpeg(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "JPEG")
    return file.getvalue()


def post(form: dict[str, Any], content: bytes, **changed: str) -> httpx.Response:
    """Upload as a browser does; the file comes last."""
    return httpx.post(form["url"], data={**form["fields"], **changed}, files={"file": ("blob", content)})


def code_of(response: httpx.Response) -> str:
    return response.text.partition("<Code>")[2].partition("</Code>")[0]


def test_jpeg_is_accepted_and_its_consumers_hear_of_it(deployed_gallery: Gallery) -> None:
    content = jpeg()
    form = deployed_gallery.form("my cat.jpg", size=len(content), metadata={"room": "r-1"})
    assert post(form, content).status_code == 204

    key = deployed_gallery.moved(form, "accepted")
    assert key == f"accepted/ann/{form['upload_id']}/my cat.jpg"
    stored = deployed_gallery.s3.get_object(Bucket=deployed_gallery.outputs["Bucket"], Key=key)
    assert stored["Body"].read() == content
    assert (stored["ContentType"], stored["Metadata"]["room"]) == ("image/jpeg", "r-1")

    incoming = {"Bucket": deployed_gallery.outputs["Bucket"], "Prefix": f"incoming/ann/{form['upload_id']}/"}
    left = deployed_gallery.s3.list_object_versions(**incoming)
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])

    (message,) = eventually(lambda: deployed_gallery.accepted(form))
    assert message.pop("accepted_at").startswith("20")
    assert message == {
        "upload_id": form["upload_id"],
        "owner": "ann",
        "bucket": deployed_gallery.outputs["Bucket"],
        "region": REGION,
        "key": key,
        "size": len(content),
        "content_type": "image/jpeg",
        "etag": stored["ETag"].strip('"'),
        "version_id": stored["VersionId"],
        "name": "my cat.jpg",
        "metadata": {"room": "r-1"},
        "attributes": {"owner": "ann", "content_type": "image/jpeg"},
    }


def test_executable_called_jpg_is_quarantined_with_the_reason(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form("holiday.jpg")
    assert post(form, b"MZ\x90\x00" + bytes(1000)).status_code == 204
    key = deployed_gallery.moved(form, "quarantine")
    tags = deployed_gallery.s3.get_object_tagging(Bucket=deployed_gallery.outputs["Bucket"], Key=key)["TagSet"]
    assert tags == [{"Key": "reason", "Value": "content-differs-from-type"}]
    assert deployed_gallery.keys("accepted", form) == []
    assert deployed_gallery.accepted(form) == []


def test_form_for_too_large_a_file_is_refused(deployed_gallery: Gallery) -> None:
    answer = deployed_gallery.ask({"name": "film.jpg", "content_type": "image/jpeg", "size": 20 * MEGABYTE})
    assert answer["errorType"] == "UploadRefusedError"
    assert "20,000,000 bytes are more than the 10,000,000" in answer["errorMessage"]


def test_larger_file_than_the_form_allows_is_refused_by_s3(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form()
    response = post(form, jpeg() + bytes(20 * MEGABYTE))
    assert (response.status_code, code_of(response)) == (400, "EntityTooLarge")
    response = post(deployed_gallery.form(size=10), jpeg())
    assert (response.status_code, code_of(response)) == (400, "EntityTooLarge")


def test_other_content_type_is_refused_by_s3(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form()
    assert post(form, b"<script>", **{"Content-Type": "text/html"}).status_code == 403
    refused = deployed_gallery.ask({"name": "a.html", "content_type": "text/html"})
    assert "'text/html' is not accepted" in refused["errorMessage"]


def test_other_users_prefix_is_refused_by_s3(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form()
    stolen = form["fields"]["key"].replace("/ann/", "/bob/")
    assert post(form, jpeg(), key=stolen).status_code == 403


def test_metadata_of_the_form_cannot_be_changed(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form(metadata={"room": "r-1"})
    assert post(form, jpeg(), **{"x-amz-meta-room": "r-2"}).status_code == 403


def test_expired_form_is_refused_by_s3(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.ask({"name": "cat.jpg", "content_type": "image/jpeg"}, form="BriefForm")
    time.sleep(2)
    assert post(form, jpeg()).status_code == 403


def test_form_used_again_cannot_replace_what_was_accepted_and_leaves_nothing(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form()
    assert post(form, jpeg("red")).status_code == 204
    key = deployed_gallery.moved(form, "accepted")
    for _ in range(29):
        assert post(form, jpeg("blue")).status_code == 204
    eventually(
        lambda: waiting(deployed_gallery, "Queue") == 0 and not deployed_gallery.keys("incoming", form), within=60
    )
    assert deployed_gallery.versions(form) == [key]
    bucket = deployed_gallery.outputs["Bucket"]
    assert deployed_gallery.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == jpeg("red")
    assert len(deployed_gallery.accepted(form)) == 1


def test_form_used_many_times_at_once_leaves_one_object(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form()
    with ThreadPoolExecutor(10) as clients:
        answers = clients.map(lambda number: post(form, jpeg() + bytes([number])).status_code, range(30))
        assert set(answers) == {204}
    deployed_gallery.moved(form, "accepted")
    eventually(lambda: waiting(deployed_gallery, "Queue") == 0 and len(deployed_gallery.versions(form)) == 1, within=60)
    assert len({message["version_id"] for message in deployed_gallery.accepted(form)}) == 1


def test_form_used_again_for_what_is_rejected_leaves_the_first(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form()
    for number in range(10):
        assert post(form, b"MZ" + bytes([number])).status_code == 204
    key = deployed_gallery.moved(form, "quarantine")
    eventually(
        lambda: waiting(deployed_gallery, "Queue") == 0 and not deployed_gallery.keys("incoming", form), within=60
    )
    assert deployed_gallery.versions(form) == [key]


def test_event_that_comes_twice_changes_nothing(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form()
    assert post(form, jpeg()).status_code == 204
    key = deployed_gallery.moved(form, "accepted")
    bucket = deployed_gallery.outputs["Bucket"]
    before = deployed_gallery.s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    event = {"region": REGION, "detail": {"bucket": {"name": bucket}, "object": {"key": form["key"]}}}
    deployed_gallery.sqs.send_message(QueueUrl=deployed_gallery.outputs["Queue"], MessageBody=json.dumps(event))
    eventually(lambda: waiting(deployed_gallery, "Queue") == 0)
    assert deployed_gallery.s3.head_object(Bucket=bucket, Key=key)["VersionId"] == before
    assert len(deployed_gallery.accepted(form)) == 1
    assert waiting(deployed_gallery, "Failed") == 0


def test_upload_that_could_not_be_confirmed_is_kept_and_replayed(deployed_gallery: Gallery) -> None:
    sqs, outputs = deployed_gallery.sqs, deployed_gallery.outputs
    visibility = sqs.get_queue_attributes(QueueUrl=outputs["Queue"], AttributeNames=["VisibilityTimeout"])
    # The function's five tries would take a quarter of an hour.
    sqs.set_queue_attributes(QueueUrl=outputs["Queue"], Attributes={"VisibilityTimeout": "1"})
    form = deployed_gallery.form()
    with deployed_gallery.cloud.inject_fault("sns", REGION, operation="Publish"):
        assert post(form, jpeg()).status_code == 204
        eventually(lambda: waiting(deployed_gallery, "Failed"), within=60)
        # Before the fault ends: a try that is still under way then may publish.
        assert len(deployed_gallery.keys("incoming", form)) == 1
        assert deployed_gallery.accepted(form) == []

    sqs.set_queue_attributes(QueueUrl=outputs["Queue"], Attributes=visibility["Attributes"])
    sqs.start_message_move_task(SourceArn=outputs["FailedArn"], DestinationArn=outputs["QueueArn"])
    key = deployed_gallery.moved(form, "accepted")
    # At least once: a try that was under way when the fault ended may have published too.
    assert {message["key"] for message in eventually(lambda: deployed_gallery.accepted(form))} == {key}


def test_text_in_any_script_keeps_its_name(deployed_gallery: Gallery) -> None:
    form = deployed_gallery.form("../../議事録 <b>.txt", "text/plain")
    assert post(form, "今日の議題".encode()).status_code == 204
    assert deployed_gallery.moved(form, "accepted").endswith("/議事録 _b_.txt")


def test_page_of_the_named_origin_may_upload_and_of_another_may_not(deployed_gallery: Gallery) -> None:
    url = deployed_gallery.form()["url"]
    answers = {
        origin: httpx.options(url, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        for origin in (ORIGIN, "https://evil.example.com")
    }
    assert answers[ORIGIN].headers.get("access-control-allow-origin") == ORIGIN
    assert "access-control-allow-origin" not in answers["https://evil.example.com"].headers


def test_large_file_arrives_in_parts(deployed_gallery: Gallery) -> None:
    content = b"\0\0\0\x18ftypisom" + bytes(100 * MEGABYTE)
    request = {"name": "film.mp4", "content_type": "video/mp4", "size": len(content), "metadata": {"room": "r-1"}}
    answer = deployed_gallery.ask(request, form="VideosForm")
    assert [part["size"] for part in answer["parts"]] == [50 * MEGABYTE, 50 * MEGABYTE, 12]

    too_long = httpx.put(answer["parts"][2]["url"], content=bytes(13))
    assert too_long.status_code == 403
    parts, start = [], 0
    for part in answer["parts"]:
        response = httpx.put(part["url"], content=content[start : start + part["size"]], timeout=30)
        assert response.status_code == 200, response.text
        parts.append({"part_number": part["part_number"], "etag": response.headers["ETag"]})
        start += part["size"]

    completion = {"key": answer["key"], "multipart_upload_id": answer["multipart_upload_id"], "parts": parts}
    refused = deployed_gallery.ask({**completion, "owner": "bob"}, form="VideosForm")
    assert refused["errorMessage"] == "key: is not one of your uploads"
    done = deployed_gallery.ask(completion, form="VideosForm")
    assert done == {"upload_id": answer["upload_id"], "key": answer["key"]}

    bucket, key = deployed_gallery.outputs["VideosBucket"], answer["key"].replace("incoming/", "accepted/")
    stored = eventually(lambda: head(deployed_gallery.s3, bucket, key), within=30)
    assert (stored["ContentLength"], stored["ContentType"]) == (len(content), "video/mp4")
    assert stored["Metadata"]["room"] == "r-1"


def test_route_asks_who_it_is_and_uploads_below_their_own_prefix(deployed_gallery: Gallery) -> None:
    outputs = deployed_gallery.outputs
    url = f"{deployed_gallery.cloud.http_api_url(outputs['ApiId'], REGION)}/uploads"
    request = {"name": "cat.jpg", "content_type": "image/jpeg"}
    assert httpx.post(url, json=request).status_code == 401
    assert httpx.post(url, json=request, headers={"Authorization": "Bearer made-up"}).status_code == 401

    users = deployed_gallery.cloud.client("cognito-idp", REGION)
    users.admin_create_user(UserPoolId=outputs["UserPoolId"], Username="ann")
    users.admin_set_user_password(UserPoolId=outputs["UserPoolId"], Username="ann", Password=PASSWORD, Permanent=True)
    tokens = users.initiate_auth(
        ClientId=outputs["ClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    subject = users.get_user(AccessToken=tokens["AccessToken"])["UserAttributes"]
    subject = next(item["Value"] for item in subject if item["Name"] == "sub")
    headers = {"Authorization": f"Bearer {tokens['AccessToken']}"}

    answer = httpx.post(url, json=request, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json()["key"].startswith(f"incoming/{subject}/")
    assert post(answer.json(), jpeg()).status_code == 204
    for wrong in ({**request, "owner": "bob"}, {**request, "metadata": {"room": "r-1"}}, [], {"name": "cat.jpg"}):
        assert httpx.post(url, json=wrong, headers=headers).status_code == 400
    assert httpx.post(url, content="{", headers=headers).status_code == 400


def test_stranger_may_neither_ask_for_forms_nor_reach_the_bucket(deployed_gallery: Gallery) -> None:
    functions = deployed_gallery.as_role("StrangerRole", "lambda")
    with pytest.raises(ClientError, match="AccessDenied"):
        functions.invoke(FunctionName=deployed_gallery.outputs["Form"], Payload="{}")
    with pytest.raises(ClientError, match="AccessDenied"):
        deployed_gallery.as_role("StrangerRole", "s3").put_object(
            Bucket=deployed_gallery.outputs["Bucket"], Key="accepted/ann/1/cat.jpg", Body=b""
        )
    address = f"{deployed_gallery.cloud.endpoint}/{deployed_gallery.outputs['Bucket']}/accepted/ann/1/cat.jpg"
    assert httpx.get(address).status_code == 403


def head(s3: Any, bucket: str, key: str) -> Any:
    try:
        return s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return None


def waiting(place: Gallery, queue: str) -> int:
    """Messages in a queue, also those that are being worked on."""
    return messages_in(place.sqs, place.outputs[queue])
