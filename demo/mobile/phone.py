"""A phone of a person: it signs in, keeps a replica of what is saved, uploads pictures and is notified."""

import io
import json
import secrets
from pathlib import Path
from typing import Any, Self

import httpx
from PIL import Image

from cdp_phone import DocumentApi, Outcome, Replica, merge_members, sync
from demo.mobile.backend import Backend

__all__ = ["Phone", "jpeg"]


def jpeg(colour: str) -> bytes:
    """Encode a small picture."""
    encoded = io.BytesIO()
    Image.new("RGB", (640, 360), colour).save(encoded, "JPEG")
    return encoded.getvalue()


class Phone:
    """An application with an account; it knows the backend's name, and reads the rest there.

    Args:
        backend: Signs in, as Cognito's own library would.
        email: The account.
        file: Where the replica is kept.
    """

    def __init__(self, backend: Backend, email: str, file: Path | str = ":memory:") -> None:
        configuration = backend.configuration()
        self._backend = backend
        self.email = email
        tokens = backend.sign_in(email, configuration["userPool"]["clientId"])
        self.token = tokens["AccessToken"]
        self.id_token = tokens["IdToken"]
        self.http = httpx.Client(timeout=60, base_url=backend.front, headers={"Authorization": f"Bearer {self.token}"})
        self._api, self._direct = configuration["api"], configuration["direct"]
        self._backups = configuration["backups"]
        self.replica = Replica.open(file)
        self.saves = DocumentApi(f"{backend.front}{self._api}/saves", lambda: self.token, httpx.Client(timeout=60))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.replica.close()
        self.http.close()

    @property
    def user(self) -> str:
        """The account's ``sub``, as the token has it."""
        import jwt

        return str(jwt.decode(self.token, options={"verify_signature": False})["sub"])

    # What is saved

    def save(self, key: str, **members: Any) -> None:
        """Save a document here; whether there is a network does not matter."""
        self.replica.put(key, json.dumps(members, sort_keys=True).encode())

    def saved(self, key: str) -> Any:
        """Return a document as it is here."""
        found = self.replica.get(key)
        return json.loads(found) if found is not None else None

    def sync(self) -> Outcome:
        """Have a network for a moment."""
        return sync(self.replica, self.saves, merge=merge_members)

    # Pictures

    def upload(self, content: bytes, content_type: str = "image/jpeg") -> str:
        """Upload a picture straight to S3, and return its id."""
        request = {"name": "picture.jpg", "content_type": content_type, "size": len(content)}
        form = self.call("POST", "/uploads", json=request).raise_for_status().json()
        httpx.post(form["url"], data=form["fields"], files={"file": content}, timeout=60).raise_for_status()
        return str(form["upload_id"])

    def thumbnail(self, upload_id: str) -> httpx.Response:
        """Fetch a picture's thumbnail by a signed address."""
        return self.picture(f"{self.user}/{upload_id}/thumbnail/320.webp")

    def picture(self, path: str) -> httpx.Response:
        """Fetch what is at a path of somebody's pictures, by a signed address."""
        signed = self.call("POST", "/downloads", json={"path": path}).raise_for_status().json()
        return httpx.get(self._backend.cloud.viewer_url(signed["url"]), timeout=60)

    # Notices

    def register(self, **choice: Any) -> None:
        """Let this phone be notified."""
        chosen = {"mail": True, "push": True, "quiet_minutes": 5, "language": "en", **choice}
        self.call("PUT", "/notices", json=chosen).raise_for_status()
        self._push_token = secrets.token_hex(16)
        self.call("POST", "/devices", json={"platform": "fcm", "token": self._push_token}).raise_for_status()

    def pushes(self) -> list[str]:
        """Return what was pushed to this phone."""
        region = self._backend.region
        return [one.message for one in self._backend.cloud.pushes(region) if one.token == self._push_token]

    def mails(self) -> list[str]:
        """Return the notices that came by mail."""
        found = self._backend.cloud.sent_mails(self._backend.region)
        return [one.text for one in found if self.email in one.to and "picture" in one.text]

    # Backups

    @property
    def credentials(self) -> tuple[str, Any]:
        """The identity id, and credentials of AWS for an hour."""
        backend, pool = self._backend, self._backups["identityPoolId"]
        identities = backend.cloud.client("cognito-identity", backend.region)
        logins = {f"cognito-idp.{backend.region}.amazonaws.com/{backend.outputs['UserPoolId']}": self.id_token}
        identity = identities.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
        given = identities.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"]
        return identity, given

    def client(self, service: str) -> Any:
        """Return a client of the AWS SDK with this user's credentials."""
        return self._backend.cloud.client(service, self._backend.region, credentials=self.credentials[1])

    def back_up(self, name: str, content: bytes) -> str:
        """Write a backup straight to S3, and return its key."""
        key = f"backups/{self.credentials[0]}/{name}"
        self.client("s3").put_object(Bucket=self._backups["bucket"], Key=key, Body=content)
        return key

    def read_backup(self, key: str) -> bytes:
        """Read a backup."""
        found: bytes = self.client("s3").get_object(Bucket=self._backups["bucket"], Key=key)["Body"].read()
        return found

    # Requests without a function

    def score(self, game: str, points: Any) -> httpx.Response:
        """Write points, without a function in between."""
        return self.http.put(f"{self._direct}/scores/{game}", json={"points": points})

    def report(self, text: str) -> httpx.Response:
        """Report a problem."""
        return self.http.post(f"{self._direct}/reports", json={"version": "1.0", "text": text})

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the HTTP API behind the front."""
        return self.http.request(method, f"{self._api}{path}", **options)
