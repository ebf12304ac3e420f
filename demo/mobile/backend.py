"""The deployed mobile backend, as its operator reaches it."""

import secrets
from typing import Any
from urllib.parse import urlsplit

import httpx

from cdp_constructs.local import Deployment, LocalCloud
from demo.bring_up import physical_id

__all__ = ["Backend", "with_push"]

NAME = "mobile.example.com"
_PASSWORD = "Aa1!" + secrets.token_urlsafe(16)


def with_push(cloud: LocalCloud, region: str = "ap-northeast-1") -> dict[str, Any]:
    """Return a configuration with push, after making what an operator has: a platform application."""
    application = cloud.client("sns", region).create_platform_application(
        Name="mobile", Platform="GCM", Attributes={"PlatformCredential": "made-up"}
    )
    return {"notices": {"platform_applications": {"fcm": application["PlatformApplicationArn"]}}}


class Backend:
    """The backend on an embedded cloud.

    Args:
        cloud: The embedded cloud.
        deployment: The backend's stacks.
        region: Where it runs.
        name: Prefix of the stacks' names.
        domain_name: Its name; None for the one that CloudFront gives.
    """

    def __init__(
        self,
        cloud: LocalCloud,
        deployment: Deployment,
        *,
        region: str = "ap-northeast-1",
        name: str = "Mobile",
        domain_name: str | None = NAME,
    ) -> None:
        self.cloud, self.deployment, self.region = cloud, deployment, region
        self._name = name
        self.outputs = deployment.outputs[f"{name}Backend"]
        url = deployment.outputs[f"{name}Front"]["Url"]
        self.front = cloud.distribution_url(domain_name or url.removeprefix("https://"))
        self.sqs = cloud.client("sqs", region)
        self.s3 = cloud.client("s3", region)
        self._cognito = cloud.client("cognito-idp", region)

    @property
    def api(self) -> str:
        """The HTTP API's own address."""
        host = urlsplit(self.outputs["ApiUrl"]).hostname or ""
        return self.cloud.http_api_url(host.partition(".")[0], self.region)

    def resource(self, prefix: str, *, front: bool = False) -> str:
        """Return the physical id of a resource."""
        return physical_id(self.deployment, f"{self._name}{'Front' if front else 'Backend'}", prefix)

    def sign_up(self, email: str) -> None:
        """Make an account with a verified address; nothing mails codes here, so an administrator confirms."""
        client, pool = self.outputs["UserPoolClientId"], self.outputs["UserPoolId"]
        attributes = [{"Name": "email", "Value": email}]
        self._cognito.sign_up(ClientId=client, Username=email, Password=_PASSWORD, UserAttributes=attributes)
        self._cognito.admin_confirm_sign_up(UserPoolId=pool, Username=email)
        verified = [{"Name": "email_verified", "Value": "true"}]
        self._cognito.admin_update_user_attributes(UserPoolId=pool, Username=email, UserAttributes=verified)

    def sign_in(self, email: str, client_id: str) -> dict[str, str]:
        """Return the tokens of a session."""
        answer = self._cognito.initiate_auth(
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": _PASSWORD},
        )
        tokens: dict[str, str] = answer["AuthenticationResult"]
        return tokens

    def thumbnails(self, owner: str) -> set[str]:
        """Return which uploads of a user have a thumbnail."""
        bucket = self.resource("PicturesUploadBucket")
        found: set[str] = set()
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"accepted/{owner}/"):
            found |= {one["Key"].split("/")[2] for one in page.get("Contents", []) if "/thumbnail/" in one["Key"]}
        return found

    def waiting(self, prefix: str) -> int:
        """Return how many messages are in a queue, those that are worked on included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.resource(prefix), AttributeNames=names)["Attributes"]
        return sum(int(value) for value in found.values())

    def reports(self) -> list[str]:
        """Receive what is in the support's queue."""
        queue = self.resource("DirectReportsSupportQueue")
        found = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [one["Body"] for one in found.get("Messages", [])]

    def configuration(self) -> dict[str, Any]:
        """Read what an application reads when it starts."""
        found: dict[str, Any] = httpx.get(f"{self.front}/config.json", timeout=60).raise_for_status().json()
        return found
