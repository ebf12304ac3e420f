"""What the people do, and what the operator does: each method is a step that says what it saw."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from demo.chat.people import Person, jpeg, new_id, sign_up
from demo.chat.system import Chat
from demo.report import eventually, expect

EXECUTABLE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(2000)
WRITERS, EACH = 4, 10


class Conversation:
    """Three members in two Regions, one user who is no member, one operator."""

    def __init__(self, chat: Chat) -> None:
        """Play in this system."""
        self.chat = chat
        self.here, self.there = chat.regions[0], chat.regions[1]
        self.hanako: Person
        self.liam: Person
        self.mei: Person
        self.stranger: Person
        self.room = ""
        self.attachment = ""

    # People and rooms

    def sign_up_and_in(self) -> str:
        """Make four accounts, one of which nobody invites."""
        pool, client = self.chat.user_pool
        self.hanako, self.liam, self.mei, self.stranger = (
            sign_up(
                self.chat.cloud, self.chat.home, client_id=client, user_pool_id=pool, apis=self.chat.apis, name=name
            )
            for name in ("Hanako", "Liam", "Mei", "Stranger")
        )
        answers = [self._status("GET", region, "/rooms", headers={}) for region in self.chat.regions]
        expect(answers == [401] * len(answers), f"without a token the APIs answer {answers}")
        return "4 signed in; without a token 401 in each Region"

    def open_a_room(self) -> str:
        """Make a room in one Region and let the others join from the other."""
        made = self.hanako.call(self.here, "POST", "/rooms", json={"name": "花見 / Hanami"}).raise_for_status().json()
        self.room = made["room"]
        for person in (self.liam, self.mei):
            self._join(person, self.there, self.room, made["invite_code"])
        return f"made in {self.here}, joined in {self.there}"

    def talk(self) -> str:
        """Post from both sides."""
        lines = [
            (self.hanako, self.here, "桜が咲きました"),
            (self.liam, self.there, "On my way"),
            (self.mei, self.there, "Bringing tea"),
            (self.hanako, self.here, "待っています"),
        ]
        for person, region, text in lines:
            answer = person.post(region, self.room, text)
            expect(answer.status_code == 201, f"{person.name} got {answer.status_code} in {region}: {answer.text}")
            # Replication takes a moment; people answer what they have read.
            self._arrived(self.room, answer.json()["id"])
        return f"{len(lines)} messages, each read in both Regions"

    def send_twice(self) -> str:
        """Send the same message again, in its own Region and in the other one."""
        same = new_id()
        first = self.liam.post(self.there, self.room, "Which gate?", client_message_id=same)
        self._arrived(self.room, first.json()["id"])
        again = [
            self.liam.post(region, self.room, "Which gate?", client_message_id=same) for region in self.chat.regions
        ]
        seen = [answer.status_code for answer in (first, *again)]
        copies = [m for m in self.hanako.history(self.here, self.room) if m["text"] == "Which gate?"]
        expect(seen == [201, 200, 200] and len(copies) == 1, f"answers {seen}, {len(copies)} copies")
        return "answers 201, 200, 200; one message"

    def same_history(self) -> str:
        """Read the whole room in every Region."""
        histories = self._equal_histories(self.room)
        return f"{len(histories)} messages, the same order in {self._all_regions()}"

    def write_at_once(self) -> str:
        """Let both Regions write to a new room at the same time, as fast as they can."""
        made = self.hanako.call(self.here, "POST", "/rooms", json={"name": "Rush hour"}).raise_for_status().json()
        room = made["room"]
        self._join(self.liam, self.there, room, made["invite_code"])
        sent = [
            (person, region, f"{person.name} {writer}.{number}")
            for person, region in ((self.hanako, self.here), (self.liam, self.there))
            for writer in range(WRITERS // 2)
            for number in range(EACH)
        ]
        with ThreadPoolExecutor(WRITERS) as pool:
            answers = list(pool.map(lambda line: line[0].post(line[1], room, line[2]), sent))
        stored = [answer.json() for answer in answers if answer.status_code == 201]
        expect(len(stored) == len(sent), f"{len(stored)} of {len(sent)} accepted")
        history = self._equal_histories(room, at_least=len(sent))
        texts = [message["text"] for message in history]
        expect(sorted(texts) == sorted(text for *_, text in sent), f"{len(set(texts))} different of {len(texts)}")
        numbers = {(m["region"], m["sequence"]) for m in history}
        expect(numbers == {(m["region"], m["sequence"]) for m in stored}, "a message has another number than it got")
        gapless = all(
            sorted(number for region, number in numbers if region == one) == list(range(1, len(sent) // 2 + 1))
            for one in self.chat.regions
        )
        expect(gapless, f"numbers have gaps: {sorted(numbers)}")
        return f"{len(sent)} sent, {len(history)} kept, numbers as given, the same order in {self._all_regions()}"

    # Attachments

    def send_a_picture(self) -> str:
        """Upload a JPEG, wait until its bytes were checked, and post it."""
        picture = jpeg("Hanami 2026")
        form = self._form("hanami.jpg", "image/jpeg", len(picture))
        answer = self.hanako.submit(form, picture)
        expect(answer.status_code in (200, 201, 204), f"S3 answers {answer.status_code}: {answer.text[:200]}")
        self.attachment = form["upload_id"]
        eventually(lambda: self._download(self.hanako, self.here), within=15, what="the accepted picture")
        posted = self.hanako.post(self.here, self.room, "見て!", attachments=[self.attachment])
        expect(posted.status_code == 201, f"the API answers {posted.status_code}: {posted.text}")
        address = eventually(lambda: self._download(self.liam, self.there), within=15, what="the picture's record")
        got = self.liam.http.get(self.chat.cloud.viewer_url(address["url"]))
        expect(got.status_code == 200 and got.content == picture, f"{got.status_code}, {len(got.content)} bytes")
        unsigned = self.liam.http.get(self.chat.cloud.viewer_url(address["url"].partition("?")[0]))
        expect(unsigned.status_code == 403, f"without its signature the address answers {unsigned.status_code}")
        return f"{len(picture):,} bytes, equal, fetched by {self.liam.name} via {self.there}; unsigned 403"

    def too_large(self) -> str:
        """Send 20 MB with a form for less."""
        refused = self.hanako.ask_for_upload(self.here, self.room, "film.jpg", "image/jpeg", 20_000_000)
        form = self._form("film.jpg", "image/jpeg", 9_000_000)
        answer = self.hanako.submit(form, jpeg("film") + bytes(20_000_000))
        expect(refused.status_code == 400, f"the API answers {refused.status_code}: {refused.text}")
        expect(answer.status_code == 400 and "EntityTooLarge" in answer.text, f"S3 answers {answer.status_code}")
        return "the API answers 400, S3 answers 400 EntityTooLarge"

    def disguised(self) -> str:
        """Send a program that calls itself a picture."""
        form = self._form("kitten.jpg", "image/jpeg", len(EXECUTABLE))
        self.hanako.submit(form, EXECUTABLE).raise_for_status()
        bucket = self.chat.in_region(self.here, "AttachmentsUploadBucket")
        s3 = self.chat.client("s3", self.here)
        prefix = f"quarantine/{self.hanako.user}/{form['upload_id']}/"
        [kept] = eventually(
            lambda: s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents"), within=15, what="the quarantine"
        )
        answer = self.hanako.call(self.here, "GET", f"/rooms/{self.room}/attachments/{form['upload_id']}")
        expect(answer.status_code == 404, f"the API answers {answer.status_code}")
        return f"{kept['Key'].split('/')[0]}/…/kitten.jpg; as an attachment 404"

    def expired(self) -> str:
        """Use a form after its time; the operator has set it to one second so that nobody waits five minutes."""
        functions = self.chat.client("lambda", self.here)
        name = self.chat.in_region(self.here, "AttachmentsUploadFormFunction")
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        short = {"Variables": {**variables, "EXPIRES_IN": "1"}}
        functions.update_function_configuration(FunctionName=name, Environment=short)
        try:
            form = self._form("late.jpg", "image/jpeg", 2000)
        finally:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        time.sleep(2)
        answer = self.hanako.submit(form, jpeg("late")[:2000])
        expect(answer.status_code == 403, f"S3 answers {answer.status_code}: {answer.text[:200]}")
        return "S3 answers 403"

    def refuse_the_stranger(self) -> str:
        """Let a user with an account, but without an invitation, try everything."""
        room = f"/rooms/{self.room}"
        upload = {"name": "a.jpg", "content_type": "image/jpeg", "size": 2000}
        tries: list[tuple[str, str, dict[str, Any] | None]] = [
            ("GET", f"{room}/messages", None),
            ("POST", f"{room}/messages", {"client_message_id": new_id(), "text": "hello?"}),
            ("POST", f"{room}/uploads", upload),
            ("GET", f"{room}/attachments/{self.attachment}", None),
            ("POST", f"{room}/members", {"invite_code": "guessed"}),
        ]
        seen = [
            self.stranger.call(region, method, path, json=body).status_code
            for region in self.chat.regions
            for method, path, body in tries
        ]
        expect(seen == [404] * len(seen), f"answers {seen}")
        return f"{len(seen)} tries in {self._all_regions()}: 404"

    # Operation

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
            poison = self.hanako.post(self.here, self.room, "locked out").raise_for_status().json()
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
        """Let one Region's table fail, and ask both Regions whether they can serve."""
        with self.chat.cloud.inject_fault("dynamodb", self.here):
            answer = eventually(lambda: self._health_if(503), within=15, what=f"503 in {self.here}")
            other = self.hanako.http.get(f"{self.chat.apis[self.there]}/health/deep")
            expect(other.status_code == 200, f"{self.there} answers {other.status_code}")
        eventually(lambda: self._health_if(200), within=15, what=f"200 in {self.here} after the fault")
        failed = [name for name, one in answer["dependencies"].items() if one["status"] != "ok"]
        return f"{self.here} 503 ({', '.join(failed)}), {self.there} 200; after the fault 200"

    def one_name(self) -> str:
        """Read the records that lead each user to the nearest healthy Region."""
        route53 = self.chat.cloud.client("route53")
        zones = {zone["Name"]: zone["Id"] for zone in route53.list_hosted_zones()["HostedZones"]}
        sets = route53.list_resource_record_sets(HostedZoneId=zones["chat.example.com."])["ResourceRecordSets"]
        latency = sorted((one["Type"], one["Region"]) for one in sets if one.get("HealthCheckId"))
        wanted = sorted((kind, region) for kind in ("A", "AAAA") for region in self.chat.regions)
        expect(latency == wanted, f"records {latency}")
        return f"A and AAAA in {self._all_regions()}, each with a health check"

    # What the steps have in common

    def _all_regions(self) -> str:
        return " and ".join(self.chat.regions)

    def _status(self, method: str, region: str, path: str, **options: Any) -> int:
        return httpx.request(method, self.chat.apis[region] + path, timeout=20, **options).status_code

    def _join(self, person: Person, region: str, room: str, code: str) -> None:
        def joined() -> bool | None:
            # The room itself has to reach the other Region first.
            answer = person.call(region, "POST", f"/rooms/{room}/members", json={"invite_code": code})
            return True if answer.status_code == 200 else None

        eventually(joined, within=10, what=f"{person.name}'s way into the room")

        def known_everywhere() -> bool | None:
            statuses = [person.call(one, "GET", f"/rooms/{room}/messages").status_code for one in self.chat.regions]
            return True if set(statuses) == {200} else None

        eventually(known_everywhere, within=10, what=f"{person.name}'s membership in every Region")

    def _arrived(self, room: str, message: str) -> None:
        def read_everywhere() -> bool | None:
            histories = [self.hanako.history(region, room) for region in self.chat.regions]
            return all(message in {one["id"] for one in history} for history in histories) or None

        eventually(read_everywhere, within=10, what="the message in every Region")

    def _equal_histories(self, room: str, *, at_least: int = 1) -> list[dict[str, Any]]:
        def equal() -> list[dict[str, Any]] | None:
            first, *others = [self.hanako.history(region, room) for region in self.chat.regions]
            return first if len(first) >= at_least and all(other == first for other in others) else None

        return eventually(equal, within=15, what="the same history in every Region")

    def _form(self, name: str, content_type: str, size: int) -> dict[str, Any]:
        answer = self.hanako.ask_for_upload(self.here, self.room, name, content_type, size)
        expect(answer.status_code == 201, f"the API answers {answer.status_code}: {answer.text}")
        form: dict[str, Any] = answer.json()
        return form

    def _download(self, person: Person, region: str) -> dict[str, Any] | None:
        answer = person.call(region, "GET", f"/rooms/{self.room}/attachments/{self.attachment}")
        return answer.json() if answer.status_code == 200 else None

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
