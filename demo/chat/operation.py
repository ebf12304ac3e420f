"""What the operator does: each method is a step that says what it saw."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from demo.chat.conversation import Conversation
from demo.chat.system import API_NAME
from demo.follow import followed, shown
from demo.report import eventually, expect


class Operation:
    """A poison message, a table that fails, and the records of the routing."""

    def __init__(self, scene: Conversation) -> None:
        """Play with the members of a room that is open."""
        self.scene = scene
        self.chat, self.here, self.there, self.room = scene.chat, scene.here, scene.there, scene.room
        self.hanako, self.mei = scene.hanako, scene.mei
        self._poison_id = ""

    def poison_and_replay(self) -> str:
        """Deny the archive by mistake, see a message in the dead-letter queue, fix it, see others pass, and replay."""
        s3, sqs, functions = (self.chat.client(service, self.here) for service in ("s3", "sqs", "lambda"))
        bucket = self.chat.in_region(self.here, "MessagesArchiveBucket")
        queue = self.chat.in_region(self.here, "MessagesFanoutArchiveQueue")
        failed = self.chat.in_region(self.here, "MessagesFanoutArchiveDeadLetterQueue")
        mapping = self.chat.in_region(self.here, "MessagesFanoutArchiveConsumer")
        before = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        hidden = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
        gathered = functions.get_event_source_mapping(UUID=mapping)
        mistake = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/messages/*",
        }
        locked = {**before, "Statement": [*before["Statement"], mistake]}
        # Five deliveries more than a minute apart would take longer than anybody watches.
        functions.update_event_source_mapping(UUID=mapping, BatchSize=10, MaximumBatchingWindowInSeconds=0)
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
        try:
            # What was said before has left the queue by then: the lock stops one message only.
            last = self.hanako.post(self.here, self.room, "not locked out yet").raise_for_status().json()
            self._archived(bucket, last)
            eventually(lambda: self._in(queue) == 0 or None, within=20, what="an empty queue")
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(locked))
            answer = self.hanako.post(self.here, self.room, "locked out").raise_for_status()
            poison, self._poison_id = answer.json(), answer.headers["x-correlation-id"]
            eventually(lambda: self._in(failed) or None, within=20, what="the failed message")
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(before))
            behind = self._others_in_a_room_of_their_own()
            for message in behind:
                self._archived(bucket, message)
            expect(not self._is_archived(bucket, poison), "the locked message was archived all the same")
            arn = sqs.get_queue_attributes(QueueUrl=failed, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            sqs.start_message_move_task(SourceArn=arn)
            self._archived(bucket, poison)
        finally:
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(before))
            sqs.set_queue_attributes(QueueUrl=queue, Attributes=hidden)
            batches = {name: gathered[name] for name in ("BatchSize", "MaximumBatchingWindowInSeconds")}
            functions.update_event_source_mapping(UUID=mapping, **batches)
        return f"1 in the dead-letter queue, {len(behind)} behind it delivered; archived after the replay"

    def lose_the_table(self) -> str:
        """Let one Region's table fail, ask both Regions whether they can serve, and see where Route 53 leads users."""
        cloud = self.chat.cloud
        expect(self._led_to(self.here) == self.here, "users are not led to the Region next to them")
        with cloud.inject_fault("dynamodb", self.here):
            answer = eventually(lambda: self._health_if(503), within=15, what=f"503 in {self.here}")
            other = self.hanako.http.get(f"{self.chat.apis[self.there]}/health/deep")
            expect(other.status_code == 200, f"{self.there} answers {other.status_code}")
            eventually(lambda: self._led_to(self.here) == self.there or None, within=15, what=f"users in {self.there}")
        eventually(lambda: self._health_if(200), within=15, what=f"200 in {self.here} after the fault")
        eventually(lambda: self._led_to(self.here) == self.here or None, within=15, what=f"users back in {self.here}")
        failed = [name for name, one in answer["dependencies"].items() if one["status"] != "ok"]
        return f"{self.here} 503 ({', '.join(failed)}): users led to {self.there}; back after the fault"

    def follow_the_poison(self) -> str:
        """Follow that message by its id: through both Regions, and through its failure to its archive."""
        # The other Region's archive gathers messages for a while before it writes them.
        way, said = eventually(self._through_both_regions, within=30, what="lines of all functions in both Regions")
        levels = said[self.here, "MessagesArchiver"]
        failures = levels.count("ERROR")
        expect(failures > 1 and levels[-1] == "INFO", f"the archive's lines were {levels}")
        expect(not way["stopped"], f"{way['stopped']}")
        return f"{shown(way)}; failed {failures} times on the way"

    def _through_both_regions(self) -> tuple[Mapping[str, Any], dict[tuple[str, str], list[str]]] | None:
        """Return the way of that message, and its lines' levels by Region and function; None before it is whole."""
        way = followed(self.chat.cloud, list(self.chat.stacks.values()), self.chat.regions, self._poison_id)
        said: dict[tuple[str, str], list[str]] = {}
        for line in way["lines"]:
            said.setdefault((line["region"], line["name"]), []).append(line["line"]["level"])
        functions = ("MessagesPublisher", "MessagesArchiver", "LiveChannelsPublisher")
        return (
            (way, said) if all((region, name) in said for region in self.chat.regions for name in functions) else None
        )

    def one_name(self) -> str:
        """Resolve the common name as a client next to each Region does, and read a room by it."""
        seen = []
        for region in self.chat.regions:
            host = self.chat.cloud.resolve(API_NAME, region)
            expect(f".{region}." in host.target, f"users near {region} are led to {host.target}")
            answer = self.hanako.http.get(f"{host.url}/rooms/{self.room}", headers=self.hanako.headers)
            expect(answer.status_code == 200, f"{host.url} answers {answer.status_code}")
            seen.append(region)
        return f"users near {' and '.join(seen)} are led there, and read the room"

    def _led_to(self, place: str) -> str:
        """Let Route 53 check each Region as often as its threshold says, and return where it leads users of a place."""
        self.chat.cloud.check_health()
        target = self.chat.cloud.resolve(API_NAME, place).target
        return next(region for region in self.chat.regions if f".{region}." in target)

    def _others_in_a_room_of_their_own(self) -> list[dict[str, Any]]:
        room = self.mei.call(self.here, "POST", "/rooms", json={"name": "Tea"}).raise_for_status().json()["room"]
        return [self.mei.post(self.here, room, f"cup {cup}").raise_for_status().json() for cup in range(5)]

    def _is_archived(self, bucket: str, message: dict[str, Any]) -> bool:
        s3 = self.chat.client("s3", self.here)
        objects = s3.list_objects_v2(Bucket=bucket, Prefix="messages/").get("Contents", [])
        bodies = (s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in objects)
        return any(json.loads(line)["id"] == message["id"] for body in bodies for line in body.splitlines())

    def _archived(self, bucket: str, message: dict[str, Any]) -> None:
        eventually(
            lambda: self._is_archived(bucket, message) or None, within=30, what=f"{message['text']!r} in the archive"
        )

    def _in(self, queue: str) -> int:
        """Count what waits in the queue and what a consumer has taken and not finished."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.chat.client("sqs", self.here).get_queue_attributes(QueueUrl=queue, AttributeNames=names)
        return sum(int(attributes["Attributes"][name]) for name in names)

    def _health_if(self, status: int) -> dict[str, Any] | None:
        answer = httpx.get(f"{self.chat.apis[self.here]}/health/deep", timeout=10)
        return answer.json() if answer.status_code == status else None
