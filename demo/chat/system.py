"""Deploys the chat: synthesis with its checks, deployment of every Region, and access to its parts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cdp_constructs.local import Deployment, LocalCloud
from demo import bring_up
from demo.bring_up import Checked
from demo.logs import values_in_table

MAIL_DOMAIN = "chat.example.com"
API_NAME = "api.chat.example.com"
"""Of all Regions, in the configuration as it comes."""
PRIVATE = {
    "text": "a message's text",
    "invite_code": "an invite code",
    "unsubscribe_token": "an unsubscribe token",
    "address": "a mail address",
    "token": "a device's token",
    "auth": "the secret of a browser",
}
"""Attributes of the table that no log may have, and what they are."""


def with_push(cloud: LocalCloud, regions: Sequence[str] = ("ap-northeast-1", "us-west-2")) -> dict[str, Any]:
    """Return a configuration with push, after making what an operator has: platform applications in each Region."""
    applications = {
        region: cloud.client("sns", region).create_platform_application(
            Name="chat", Platform="GCM", Attributes={"PlatformCredential": "made-up"}
        )["PlatformApplicationArn"]
        for region in regions
    }
    notices = {
        "identity": MAIL_DOMAIN,
        "sender": f"Chat <notices@{MAIL_DOMAIN}>",
        "platform_applications": {region: {"fcm": arn} for region, arn in applications.items()},
        # Browsers of the demonstration have the push service of the embedded cloud.
        "push_services": ["localhost"],
    }
    return {"notices": notices}


def synthesise(directory: Path, options: Mapping[str, Any] | None = None) -> Checked:
    """Run ``app.py`` as the CDK CLI does; nag packs and template rules are errors there.

    Args:
        directory: Where the assembly goes.
        options: What to change in the chat's configuration; by default nothing. The embedded cloud accepts the
            placeholder names.

    Raises:
        RuntimeError: with what the app printed.
    """
    return bring_up.synthesise(directory, "chat", options or {})


class Chat:
    """The deployed chat, as its operator reaches it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        """Find the parts by the stacks' outputs and resources."""
        self.cloud = cloud
        self.deployment = deployment
        stacks = {deployment.regions[name]: name for name, out in deployment.outputs.items() if "ApiUrl" in out}
        self.stacks = dict(sorted(stacks.items()))
        [self._shared] = [name for name, out in deployment.outputs.items() if "UserPoolId" in out]
        self.home = deployment.regions[self._shared]
        self.regions = tuple(self.stacks)
        self.apis = {region: self._api(region) for region in self.regions}

    @property
    def web_address(self) -> str:
        """Address of the web client on AWS."""
        [url] = [out["WebUrl"] for out in self.deployment.outputs.values() if "WebUrl" in out]
        return url

    @property
    def user_pool(self) -> tuple[str, str]:
        """Ids of the user pool and of its client."""
        outputs = self.deployment.outputs[self._shared]
        return outputs["UserPoolId"], outputs["UserPoolClientId"]

    @property
    def table(self) -> str:
        """Name of the global table."""
        return self.physical_id(self._shared, "Table")

    def private_values(self) -> dict[str, set[str]]:
        """Return what people have written and got, by kind: no log may have it."""
        return values_in_table(self.cloud, self.home, self.table, PRIVATE)

    def physical_id(self, stack: str, prefix: str) -> str:
        """Return the physical id of the one resource whose logical id starts with ``prefix`` and a hash.

        Raises:
            LookupError: when there is none, or several.
        """
        return bring_up.physical_id(self.deployment, stack, prefix)

    def in_region(self, region: str, prefix: str) -> str:
        """Return the physical id of a resource of a Region's stack."""
        return self.physical_id(self.stacks[region], prefix)

    def client(self, service: str, region: str) -> Any:
        """Return an operator's boto3 client."""
        return self.cloud.client(service, region=region)

    def _api(self, region: str) -> str:
        host = urlsplit(self.deployment.outputs[self.stacks[region]]["ApiUrl"]).hostname or ""
        return self.cloud.http_api_url(host.partition(".")[0], region)
