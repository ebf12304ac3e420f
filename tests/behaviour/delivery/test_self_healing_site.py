"""A site on the embedded cloud that somebody vandalises: how soon it is as it was, and that repairs come to an end."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack

from cdp_constructs import DirectHosting, SelfHealingSite
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually

Deploy = Callable[[Callable[..., Any]], Deployment]

REGION = "us-east-1"
PAGES = 40
WITHIN_S = 30
"""The stated time for 50 objects at once, on a machine that does other things as well."""
LONGEST_KEY = "/".join(["é" * 100] * 5) + "x" * (1024 - len(("/".join(["é" * 100] * 5)).encode()))
ODD_KEYS = [
    LONGEST_KEY,
    "a b+c%20d&e=f?g#h",
    "日本/ページ.html",
    "quote'\"<>.html",
    "a//b/",
    "star*.html",
    "new\nline.txt",
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built site."""
    made = tmp_path_factory.mktemp("site")
    (made / "assets").mkdir()
    (made / "index.html").write_text("<h1>Shop</h1>")
    (made / "assets/app.1234.js").write_text("console.log('shop')")
    for number in range(PAGES):
        (made / f"page-{number}.html").write_text(f"<p>{number}</p>")
    return made


SITE = Path(__file__).parents[3] / "docs/examples/orders_site"


@architecture
def shop(stack: Stack) -> SelfHealingSite:
    web = DirectHosting(stack, "Web", removal_policy=RemovalPolicy.DESTROY)
    healing = SelfHealingSite(
        stack,
        "Healing",
        site=web,
        ignored_prefixes=["reports/"],
        data_events=True,
        removal_policy=RemovalPolicy.DESTROY,
    )
    web.add_site(SITE)
    web.add_configuration({"version": 7})
    for name, value in (
        ("Bucket", web.bucket.bucket_name),
        ("Source", healing.source_bucket.bucket_name),
        ("Domain", web.domain_name),
        ("PauseName", healing.pause_parameter.parameter_name),
        ("Check", healing.check_function.function_name),
        ("Repair", healing.repair_function.function_name),
        ("Queue", healing.queue.queue_url),
        ("DeadLetters", healing.dead_letter_queue.queue_url),
    ):
        CfnOutput(stack, name, value=value)
    return healing


class Site:
    """The deployed site, who vandalises it, and who reads it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        ((_, self.outputs),) = deployment.outputs.items()
        self.cloud = cloud
        self.s3, self.sqs, self.ssm, self.functions, self.logs, self.metrics = (
            cloud.client(name, region=REGION) for name in ("s3", "sqs", "ssm", "lambda", "logs", "cloudwatch")
        )
        self.bucket, self.source = self.outputs["Bucket"], self.outputs["Source"]

    def release(self, key: str, body: bytes, **how: Any) -> None:
        """Put a file where a deployment puts it: the source first."""
        for bucket in (self.source, self.bucket):
            self.s3.put_object(Bucket=bucket, Key=key, Body=body, **how)

    def objects(self, bucket: str) -> dict[str, tuple[Any, ...]]:
        """Return what readers get of each object."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [item["Key"] for page in pages for item in page.get("Contents", []) if not item["Key"].startswith("rep")]
        found: dict[str, tuple[Any, ...]] = {}
        for key in keys:
            # What was listed may be gone: that is what is going on here.
            with contextlib.suppress(self.s3.exceptions.NoSuchKey, self.s3.exceptions.InvalidObjectState):
                found[key] = self.served(key, bucket)
        return found

    def served(self, key: str, bucket: str = "") -> tuple[Any, ...]:
        answer = self.s3.get_object(Bucket=bucket or self.bucket, Key=key)
        names = ("ContentType", "CacheControl", "ContentEncoding", "WebsiteRedirectLocation", "StorageClass")
        return (answer["Body"].read(), answer["Metadata"], *(answer.get(name) for name in names))

    def is_whole(self) -> bool:
        return self.objects(self.bucket) == self.objects(self.source)

    def heals(self, *, within: float = WITHIN_S) -> float:
        """Wait until the site is as its source, and return how long it took."""
        started = time.monotonic()
        eventually(self.is_whole, within=within, what="the site as it was deployed")
        return time.monotonic() - started

    def versions(self, key: str) -> int:
        """Return how often a key was written or deleted."""
        listed = self.s3.list_object_versions(Bucket=self.bucket, Prefix=key)
        return len(listed.get("Versions", [])) + len(listed.get("DeleteMarkers", []))

    def is_quiet(self) -> bool:
        """Whether no event waits or is worked on."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        waiting = self.sqs.get_queue_attributes(QueueUrl=self.outputs["Queue"], AttributeNames=names)["Attributes"]
        return not any(map(int, waiting.values()))

    def settle(self) -> None:
        """Wait until the events of the repairs have been looked at as well."""
        for _ in range(3):
            eventually(self.is_quiet, within=WITHIN_S, what="no event that waits")
            time.sleep(0.3)

    def pause(self, *, seconds: float) -> datetime:
        """Pause repairs, and return when they go on."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self.ssm.put_parameter(Name=self.outputs["PauseName"], Value=until.isoformat(), Type="String", Overwrite=True)
        time.sleep(2.5)  # what the function knows of the parameter is up to two seconds old
        return until

    def check(self) -> dict[str, Any]:
        answer = self.functions.invoke(FunctionName=self.outputs["Check"], Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()
        said: dict[str, Any] = json.loads(answer["Payload"].read())
        return said

    def logged(self, message: str) -> list[dict[str, Any]]:
        group = self.functions.get_function(FunctionName=self.outputs["Repair"])["Configuration"]["LoggingConfig"]
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group["LogGroup"])
        lines = [event["message"] for page in pages for event in page["events"] if f'"{message}"' in event["message"]]
        return [json.loads(line) for line in lines]

    def get(self, path: str) -> httpx.Response:
        local = httpx.URL(self.cloud.browser_url(f"https://{self.outputs['Domain']}{path}"))
        return httpx.get(f"{self.cloud.endpoint}{local.raw_path.decode()}", headers={"Host": local.netloc.decode()})


@pytest.fixture(scope="session")
def deployed_site(local_cloud: LocalCloud, deployed: Deploy, folder: Path) -> Site:
    site = Site(local_cloud, deployed(shop))
    for file in sorted(folder.rglob("*.html")):
        site.release(file.name, file.read_bytes(), ContentType="text/html", CacheControl="no-cache")
    site.settle()
    return site


@pytest.fixture
def site(deployed_site: Site) -> Iterator[Site]:
    assert deployed_site.is_whole(), "as it was deployed, without a repair"
    yield deployed_site
    deployed_site.settle()


def test_fifty_objects_that_are_vandalised_at_once_are_back_and_repairs_end(site: Site) -> None:
    before = len(site.logged("Repaired"))
    pages = [f"page-{number}.html" for number in range(PAGES)]
    written = {key: site.versions(key) for key in pages[:20]}
    for key in pages[:20]:
        site.s3.put_object(Bucket=site.bucket, Key=key, Body=b"defaced", ContentType="text/html")
    for key in pages[20:35]:
        site.s3.delete_object(Bucket=site.bucket, Key=key)
    for number in range(15):
        site.s3.put_object(Bucket=site.bucket, Key=f"phishing/{number}.html", Body=b"give me your password")
    took = site.heals()
    assert took < WITHIN_S
    site.settle()
    # The first version, the vandal's and the repair's: none was repaired twice, and no repair was repaired.
    assert {key: site.versions(key) - count for key, count in written.items()} == dict.fromkeys(written, 2)
    assert len(site.logged("Repaired")) - before == 50
    time.sleep(2)
    assert len(site.logged("Repaired")) - before == 50, "no repair makes another one"


def test_what_readers_get_beside_the_content_is_put_back(site: Site) -> None:
    same = {"Bucket": site.bucket, "Key": "page-1.html"}
    here = {"Bucket": site.bucket, "Key": "page-1.html"}
    for change in (
        {"ContentType": "application/octet-stream"},
        {"ContentType": "text/html", "CacheControl": "max-age=31536000"},
        {"ContentType": "text/html", "CacheControl": "no-cache", "Metadata": {"owner": "vandal"}},
        {
            "ContentType": "text/html",
            "CacheControl": "no-cache",
            "WebsiteRedirectLocation": "https://evil.example.com/",
        },
        {"ContentType": "text/html", "CacheControl": "no-cache", "StorageClass": "GLACIER"},
    ):
        site.s3.copy_object(**same, CopySource=here, MetadataDirective="REPLACE", **change)
        site.heals()


def test_keys_of_any_kind_are_repaired(site: Site) -> None:
    assert len(LONGEST_KEY.encode()) == 1024
    for key in ODD_KEYS:
        site.release(key, b"ours", ContentType="text/plain")
    site.settle()
    for key in ODD_KEYS:
        site.s3.put_object(Bucket=site.bucket, Key=key, Body=b"theirs")
        site.s3.put_object(Bucket=site.bucket, Key=f"{key}!"[-300:], Body=b"theirs")
    site.heals()
    for key in ODD_KEYS:
        site.s3.delete_object(Bucket=site.bucket, Key=key)
    site.heals()
    assert {site.served(key)[0] for key in ODD_KEYS} == {b"ours"}
    for key in ODD_KEYS:
        for bucket in (site.source, site.bucket):
            site.s3.delete_object(Bucket=bucket, Key=key)


def test_a_file_of_many_parts_is_equal_to_itself(site: Site) -> None:
    """Its entity tag depends on how it was uploaded: a comparison of tags would repair it for ever."""
    part = b"x" * 5_242_880
    upload = {"Bucket": site.source, "Key": "film.bin"}
    upload_id = site.s3.create_multipart_upload(**upload, ContentType="video/mp4")["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": site.s3.upload_part(**upload, UploadId=upload_id, PartNumber=number, Body=body)["ETag"],
        }
        for number, body in ((1, part), (2, b"end"))
    ]
    site.s3.complete_multipart_upload(**upload, UploadId=upload_id, MultipartUpload={"Parts": parts})
    before = len(site.logged("Repaired"))
    site.s3.put_object(Bucket=site.bucket, Key="film.bin", Body=part + b"end", ContentType="video/mp4")
    site.settle()
    assert len(site.logged("Repaired")) == before, "the same content, although the tags differ"
    site.s3.put_object(Bucket=site.bucket, Key="film.bin", Body=part + b"END", ContentType="video/mp4")
    site.heals()
    site.settle()
    assert len(site.logged("Repaired")) == before + 1
    for bucket in (site.source, site.bucket):
        site.s3.delete_object(Bucket=bucket, Key="film.bin")


def test_a_vandal_who_is_faster_than_the_repairs_wins_only_as_long_as_he_goes_on(site: Site) -> None:
    before, written = len(site.logged("Repaired")), 0
    ends = time.monotonic() + 4
    while time.monotonic() < ends:
        for key in ("index.html", "page-2.html", "page-3.html"):
            site.s3.put_object(Bucket=site.bucket, Key=key, Body=f"defaced {written}".encode())
            written += 1
    site.heals()
    site.settle()
    # Two events of one key may be worked on at the same time, and both find it changed.
    assert 0 < len(site.logged("Repaired")) - before <= 2 * written, "repairs end with the changes"


def test_several_vandals_at_once_end_in_the_same_site(site: Site) -> None:
    def vandalise(name: str) -> None:
        client = site.cloud.client("s3", region=REGION)
        for number in range(10):
            client.put_object(Bucket=site.bucket, Key=f"page-{number}.html", Body=name.encode())
            client.delete_object(Bucket=site.bucket, Key=f"page-{number + 10}.html")

    threads = [threading.Thread(target=vandalise, args=(f"vandal {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    site.heals()


def test_a_release_needs_no_pause_and_is_not_undone(site: Site) -> None:
    before = len(site.logged("Repaired"))
    for number in range(20):
        site.release(f"page-{number}.html", b"the next release", ContentType="text/html", CacheControl="no-cache")
    site.settle()
    assert len(site.logged("Repaired")) == before
    assert site.served("page-7.html")[0] == b"the next release"


def test_a_pause_ends_by_itself_and_the_check_then_finds_what_happened(site: Site) -> None:
    until = site.pause(seconds=8)
    site.s3.put_object(Bucket=site.bucket, Key="page-5.html", Body=b"by another deployment")
    site.s3.put_object(Bucket=site.bucket, Key="more.html", Body=b"by another deployment")
    site.settle()
    assert site.check() == {"paused": True, "compared": 0, "repaired": 0}
    assert site.served("page-5.html")[0] == b"by another deployment"
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 2)
    assert site.check()["repaired"] == 2
    assert site.is_whole()
    assert site.check()["repaired"] == 0


def test_what_others_write_by_right_is_left_alone(site: Site) -> None:
    site.s3.put_object(Bucket=site.bucket, Key="reports/1.csv", Body=b"1")
    site.settle()
    assert site.check()["repaired"] == 0
    assert site.served("reports/1.csv")[0] == b"1"


def test_caches_forget_what_a_vandal_has_put_there(site: Site) -> None:
    asset = next(key for key in site.objects(site.bucket) if key.startswith("assets/"))
    assert site.get(f"/{asset}").content == site.served(asset, site.source)[0]
    site.s3.put_object(
        Bucket=site.bucket, Key=asset, Body=b"alert(1)", CacheControl="public, max-age=31536000, immutable"
    )
    site.heals()
    eventually(
        lambda: site.get(f"/{asset}").content == site.served(asset, site.source)[0],
        within=WITHIN_S,
        what="the asset as it was, from the edge",
    )


def test_who_changed_the_site_is_in_the_log(site: Site) -> None:
    def call(arn: str, issuer: str | None) -> str:
        identity = {"arn": arn, "sessionContext": {"sessionIssuer": {"arn": issuer}} if issuer else {}}
        detail = {
            "eventSource": "s3.amazonaws.com",
            "eventName": "PutObject",
            "userIdentity": identity,
            "requestParameters": {"bucketName": site.bucket, "key": "index.html"},
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-cli",
            "eventID": "1",
        }
        return json.dumps({"detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "detail": detail})

    own = site.functions.get_function(FunctionName=site.outputs["Repair"])["Configuration"]["Role"]
    site.sqs.send_message(QueueUrl=site.outputs["Queue"], MessageBody=call(own.replace("role", "assumed-role"), own))
    site.sqs.send_message(
        QueueUrl=site.outputs["Queue"], MessageBody=call("arn:aws:iam::111122223333:user/mallory", None)
    )
    (line,) = eventually(lambda: site.logged("Changed by"), within=WITHIN_S, what="who it was")
    assert (line["principal"], line["key"]) == ("arn:aws:iam::111122223333:user/mallory", "index.html")
    repaired = site.logged("Repaired")[-1]
    assert repaired["account"]
    assert repaired["address"]


@pytest.fixture
def impatient(site: Site) -> Iterator[Site]:
    """Let failed events be delivered again after a second instead of three minutes."""
    queue = {"QueueUrl": site.outputs["Queue"]}
    usual = site.sqs.get_queue_attributes(**queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    site.sqs.set_queue_attributes(**queue, Attributes={"VisibilityTimeout": "1"})
    yield site
    site.settle()
    site.sqs.set_queue_attributes(**queue, Attributes=usual)


def test_an_event_that_cannot_be_read_ends_in_the_dead_letter_queue(impatient: Site) -> None:
    site = impatient
    poison = ["no JSON", '{"detail-type": "Object Created", "detail": {}}']
    for body in poison:
        site.sqs.send_message(QueueUrl=site.outputs["Queue"], MessageBody=body)
    site.s3.put_object(Bucket=site.bucket, Key="page-9.html", Body=b"defaced")
    site.heals()

    def dead() -> list[str]:
        answer = site.sqs.receive_message(
            QueueUrl=site.outputs["DeadLetters"], MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return sorted(message["Body"] for message in answer.get("Messages", []))

    eventually(lambda: dead() == sorted(poison), within=60, what="both events in the dead-letter queue")


def test_what_s3_or_cloudfront_refuses_for_a_while_is_done_later(impatient: Site) -> None:
    site = impatient
    asset = next(key for key in site.objects(site.bucket) if key.startswith("assets/"))
    assert site.get(f"/{asset}").status_code == 200
    with site.cloud.inject_fault("cloudfront", REGION, error="TooManyInvalidationsInProgress", status=400):
        site.s3.put_object(Bucket=site.bucket, Key=asset, Body=b"alert(1)", ContentType="text/javascript")
        site.heals()
        time.sleep(1.5)
    eventually(
        lambda: site.get(f"/{asset}").content == site.served(asset, site.source)[0],
        within=WITHIN_S,
        what="the asset as it was, from the edge",
    )
    site.pause(seconds=4)
    site.s3.put_object(Bucket=site.bucket, Key="page-9.html", Body=b"defaced")
    time.sleep(4.5)
    event = {"detail-type": "Object Created", "detail": {"object": {"key": "page-9.html"}}}
    with site.cloud.inject_fault("s3", REGION):
        site.sqs.send_message(QueueUrl=site.outputs["Queue"], MessageBody=json.dumps(event))
        time.sleep(2)
    site.heals()


def test_a_source_that_lost_everything_does_not_delete_the_site(site: Site) -> None:
    site.settle()  # an event that came now would find its object deleted by whoever deploys
    kept = site.objects(site.source)
    versions = site.s3.get_paginator("list_object_versions").paginate(Bucket=site.source)
    marked = [
        (item["Key"], site.s3.delete_object(Bucket=site.source, Key=item["Key"])["VersionId"])
        for page in versions
        for item in page["Versions"]
        if item["IsLatest"]
    ]
    answer = site.functions.invoke(FunctionName=site.outputs["Check"], Payload=b"{}")
    assert "SourceEmptyError" in answer["Payload"].read().decode()
    assert site.objects(site.bucket) == kept
    for key, version in marked:
        site.s3.delete_object(Bucket=site.source, Key=key, VersionId=version)
