"""``python -m demo.mobile``: two phones of one person, offline and not, while what is behind the front fails."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_phone import TryLaterError
from demo.bring_up import bring_up, demonstrate, synthesise
from demo.mobile.backend import Backend, with_push
from demo.mobile.phone import Phone, jpeg
from demo.report import Report, eventually, expect
from demo.running import end_with

__all__ = ["Scenes", "play"]

_REFUSED_SECONDS = 3
_LARGE = {"tiles": ["grass" * 10] * 1_000}


class Scenes:
    """The chapters of the demonstration."""

    def __init__(self, backend: Backend) -> None:
        """Give a person two phones, and another person one."""
        self.backend = backend
        anna, ben = (f"{name}-{uuid4().hex[:8]}@example.com" for name in ("anna", "ben"))
        for email in (anna, ben):
            backend.sign_up(email)
        self.phone, self.tablet, self.ben = Phone(backend, anna), Phone(backend, anna), Phone(backend, ben)

    # What is saved

    def save_and_see(self) -> str:
        """Save on one phone, and see it on the other."""
        self.phone.save("progress", level=1, coins=10)
        self.phone.save("world", **_LARGE)
        sent = self.phone.sync().sent
        received = self.tablet.sync().received
        self._equal()
        return f"{sent} documents sent, one into the table and one into S3; {received} received"

    def offline(self) -> str:
        """Change the same document on both while they are offline."""
        self.phone.save("progress", level=2, coins=10)
        self.tablet.save("progress", level=1, coins=25)
        self.tablet.replica.delete("world")
        self.phone.sync()
        merged = self.tablet.sync().merged
        self.phone.sync()
        self._equal()
        seen = self.phone.saved("progress")
        expect(seen == {"level": 2, "coins": 25}, f"{seen}")
        expect(self.phone.saved("world") is None, "the world is still there")
        return f"{merged} merged: level 2 of one, 25 coins of the other; the deleted world is gone on both"

    def table_fails(self) -> str:
        """Save while DynamoDB does not answer."""
        backend = self.backend
        with backend.cloud.inject_fault("dynamodb", backend.region):
            self.phone.save("progress", level=3, coins=25)
            refused = _fails(self.phone.sync)
        self.phone.sync()
        self.tablet.sync()
        self._equal()
        return f"{refused}; then level {self.tablet.saved('progress')['level']} on both"

    def others(self) -> str:
        """Let somebody else look, and somebody without a token."""
        self.ben.sync()
        expect(not self.ben.replica.documents(), "somebody else has documents")
        read = self.ben.call("GET", "/saves/progress").status_code
        without = httpx.get(f"{self.backend.front}/api/saves", timeout=60).status_code
        expect((read, without) == (404, 401), f"{read}, {without}")
        return "another user: nothing, 404; no token: 401"

    def unseen(self) -> str:
        """Try to overwrite what was not read, and send what is not accepted."""
        content = {"Content-Type": "application/json"}
        calls: dict[int, tuple[dict[str, str], bytes]] = {
            428: (content, b"1"),
            412: (content | {"If-Match": '"1"'}, b"1"),
            413: (content | {"If-None-Match": "*"}, b'"' + b"x" * 600_000 + b'"'),
            415: ({"Content-Type": "text/html", "If-None-Match": "*"}, b"<p>"),
        }
        for expected, (headers, body) in calls.items():
            got = self.phone.call("PUT", "/saves/progress", headers=headers, content=body).status_code
            expect(got == expected, f"{got} instead of {expected}")
        return "428 without a version, 412 with an old one, 413 for 600 KB, 415 for HTML"

    # Pictures and notices

    def picture(self) -> str:
        """Upload a picture on one phone; the other one is told."""
        self.tablet.register()
        upload = self.phone.upload(jpeg("teal"))
        eventually(lambda: (self.tablet.pushes() and self.tablet.mails()) or None, within=60, what="push and mail")
        came = (len(self.tablet.pushes()), len(self.tablet.mails()))
        expect(came == (1, 1), f"{came[0]} pushes and {came[1]} mails")
        seen = self.tablet.thumbnail(upload)
        expect(seen.status_code == 200, f"the thumbnail answers {seen.status_code}")
        path = {"path": f"{self.phone.user}/{upload}/thumbnail/320.webp"}
        refused = self.ben.call("POST", "/downloads", json=path).status_code
        expect(refused == 403, f"somebody else gets {refused}")
        return f"one push and one mail; a thumbnail of {len(seen.content):,} bytes; somebody else 403"

    def none_is_missed(self) -> str:
        """Upload pictures while S3 refuses to read, and kill the function that makes thumbnails."""
        backend = self.backend
        for queue in ("PicturesThumbnailsImagesQueue", "PicturesUploadQueue"):
            backend.sqs.set_queue_attributes(QueueUrl=backend.resource(queue), Attributes={"VisibilityTimeout": "2"})
        with backend.cloud.inject_fault("s3", backend.region, operation="GetObject"):
            uploads = {self.ben.upload(jpeg(colour)) for colour in ("red", "green", "blue", "white", "black")}
            # Each is tried while S3 refuses, and waits in its queue for the next try.
            time.sleep(_REFUSED_SECONDS)
            expect(not backend.thumbnails(self.ben.user), "a thumbnail was made while S3 refused")
        thumbnails, killed = backend.resource("PicturesThumbnailsFunction"), 0
        while not killed and not backend.thumbnails(self.ben.user) >= uploads:
            killed = backend.cloud.crash_function(thumbnails, backend.region)
        eventually(lambda: backend.thumbnails(self.ben.user) == uploads or None, within=90, what="every thumbnail")
        return f"{len(uploads)} of {len(uploads)} thumbnails; S3 refused for {_REFUSED_SECONDS} s, {killed} killed"

    # Backups

    def backup(self) -> str:
        """Write a backup with credentials of AWS, and try what they are not for."""
        key = self.phone.back_up("phone.tar", bytes(6_000_000))
        read = len(self.tablet.read_backup(key))
        expect(read == 6_000_000, f"{read} bytes")
        backend, function = self.backend, self.backend.resource("SavesFunction")
        table = backend.resource("SavesTable")
        tries: dict[str, Callable[[], object]] = {
            "another user's backup": lambda: self.ben.read_backup(key),
            "the function of saved data": lambda: self.ben.client("lambda").invoke(
                FunctionName=function, Payload=b"{}"
            ),
            "its table": lambda: self.ben.client("dynamodb").scan(TableName=table),
        }
        for what, call in tries.items():
            expect(_is_refused(call), f"{what} was reached")
        return f"{read:,} bytes on both phones; another user's, the function and the table refused"

    # Without a function

    def score(self) -> str:
        """Write scores straight into the table."""
        expect(self.phone.score("chess", 1_200).status_code == 200, "the score was not taken")
        refused = self.phone.score("chess", "many").status_code
        listed = self.ben.http.get("/direct/scores").text
        expect(refused == 400 and "1200" not in listed, f"{refused}, {listed}")
        return "taken; one that is no number 400; somebody else does not see it"

    def report(self) -> str:
        """Report a problem straight to the topic."""
        expect(self.phone.report("It is too dark.").status_code == 202, "the report was not taken")
        eventually(lambda: [one for one in self.backend.reports() if "dark" in one] or None, within=30, what="it")
        return "in support's queue, with who sent it"

    # The front

    def flood(self) -> str:
        """Ask until the firewall has enough."""
        with httpx.Client(timeout=60) as client:
            for number in range(1, 2_500):
                if client.get(f"{self.backend.front}/config.json").status_code == 429:
                    return f"429 after {number:,} requests"
        raise AssertionError("no request was refused")

    def _equal(self) -> None:
        here, there = self.phone.replica.documents(), self.tablet.replica.documents()
        expect(here == there, f"{sorted(here)} and {sorted(there)} differ")


def _is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}
    return False


def _fails(sync: Callable[[], object]) -> str:
    try:
        sync()
    except TryLaterError as error:
        return f"the phone keeps it ({error})"
    raise AssertionError("it was answered")


def play(scenes: Scenes, report: Report) -> None:
    """Play all chapters."""
    step = report.step
    with report.chapter("Two phones of one person"):
        step("Save on one", "seen on the other", scenes.save_and_see)
        step("Both change it offline", "equal afterwards, both changes kept", scenes.offline)
        step("DynamoDB does not answer", "the phone keeps it, and sends it later", scenes.table_fails)
        step("Somebody else", "sees nothing", scenes.others)
        step("What was not read, or is not accepted", "refused, and nothing is written", scenes.unseen)
    with report.chapter("Pictures and notices"):
        step("A picture", "a thumbnail, a push and a mail to its owner only", scenes.picture)
        step("While S3 refuses and functions die", "no thumbnail is missed", scenes.none_is_missed)
        step("A backup with credentials of AWS", "the own folder, and nothing else", scenes.backup)
    with report.chapter("Without a function"):
        step("A score", "in the table, by its schema, for its owner", scenes.score)
        step("A report", "in support's queue", scenes.report)
    with report.chapter("The front"):
        step("One address asks without end", "AWS WAF answers 429", scenes.flood)


def run(report: Report, cloud: LocalCloud, folder: Path) -> None:
    """Bring the backend up, and play."""
    assembly = folder / "cdk.out"
    # A smaller limit than what an operator has, so that the last chapter is short.
    settings = {**with_push(cloud), "rate_limit": 500}
    deployment = bring_up(report, lambda: synthesise(assembly, "mobile", settings), lambda: cloud.deploy(assembly))
    if deployment is not None:
        play(Scenes(Backend(cloud, deployment)), report)


def main() -> int:
    """Run the demonstration; 1 when a step failed."""
    argparse.ArgumentParser(prog="make demo-mobile", description=__doc__).parse_args()
    return demonstrate(run)


if __name__ == "__main__":
    end_with(main)
