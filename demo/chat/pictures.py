"""What members do with files, and what is refused: each method is a step that says what it saw."""

import time
from typing import Any

from demo.chat.conversation import Conversation
from demo.chat.people import Person, jpeg, new_id
from demo.report import eventually, expect

EXECUTABLE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(2000)


class Pictures:
    """Uploads and downloads of a room."""

    def __init__(self, scene: Conversation) -> None:
        """Play with the members of a room that is open."""
        self.scene = scene
        self.chat, self.here, self.there, self.room = scene.chat, scene.here, scene.there, scene.room
        self.hanako, self.liam, self.stranger = scene.hanako, scene.liam, scene.stranger

    def send_a_picture(self) -> str:
        """Upload a JPEG, wait until its bytes were checked, and post it."""
        picture = jpeg("Hanami 2026")
        form = self._form("hanami.jpg", "image/jpeg", len(picture))
        answer = self.hanako.submit(form, picture)
        expect(answer.status_code in (200, 201, 204), f"S3 answers {answer.status_code}: {answer.text[:200]}")
        self.scene.attachment = form["upload_id"]
        eventually(lambda: self._download(self.hanako, self.here), within=15, what="the accepted picture")
        posted = self.hanako.post(self.here, self.room, "見て!", attachments=[self.scene.attachment])
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
            ("GET", f"{room}/search?text=a", None),
            ("POST", f"{room}/messages", {"client_message_id": new_id(), "text": "hello?"}),
            ("POST", f"{room}/uploads", upload),
            ("GET", f"{room}/attachments/{self.scene.attachment}", None),
            ("POST", f"{room}/members", {"invite_code": "guessed"}),
        ]
        seen = [
            self.stranger.call(region, method, path, json=body).status_code
            for region in self.chat.regions
            for method, path, body in tries
        ]
        expect(seen == [404] * len(seen), f"answers {seen}")
        return f"{len(seen)} tries in {self.scene.all_regions()}: 404"

    def _form(self, name: str, content_type: str, size: int) -> dict[str, Any]:
        answer = self.hanako.ask_for_upload(self.here, self.room, name, content_type, size)
        expect(answer.status_code == 201, f"the API answers {answer.status_code}: {answer.text}")
        form: dict[str, Any] = answer.json()
        return form

    def _download(self, person: Person, region: str) -> dict[str, Any] | None:
        answer = person.call(region, "GET", f"/rooms/{self.room}/attachments/{self.scene.attachment}")
        return answer.json() if answer.status_code == 200 else None
