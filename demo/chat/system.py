"""Brings the chat up: synthesis with its checks, deployment of every Region, and the way to its parts."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cdp_constructs.local import Deployment, LocalCloud

ROOT = Path(__file__).parents[2]
ZONE = "chat.example.com"
MAIL_DOMAIN = "example.com"


@dataclass(frozen=True)
class Checked:
    """What the synthesis said."""

    directory: Path
    stacks: int
    findings: int
    acknowledged: int


def hosted_zone(cloud: LocalCloud) -> str:
    """Return the id of the zone that an operator would have already; it is made on the first run."""
    route53 = cloud.client("route53")
    for zone in route53.list_hosted_zones()["HostedZones"]:
        if zone["Name"] == f"{ZONE}.":
            return str(zone["Id"]).rpartition("/")[2]
    made = route53.create_hosted_zone(Name=ZONE, CallerReference="demonstration")
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]


def let_mail_out(cloud: LocalCloud, region: str) -> None:
    """Verify the domain that mail is sent from, out of the sandbox, as an operator has done before."""
    mails = cloud.client("sesv2", region)
    if MAIL_DOMAIN not in {one["IdentityName"] for one in mails.list_email_identities()["EmailIdentities"]}:
        mails.create_email_identity(EmailIdentity=MAIL_DOMAIN)
    mails.put_account_details(ProductionAccessEnabled=True, MailType="TRANSACTIONAL", WebsiteURL=f"https://{ZONE}")


def synthesise(cloud: LocalCloud, directory: Path, options: Mapping[str, Any] | None = None) -> Checked:
    """Run ``app.py`` as the CDK CLI does; nag packs and template rules are errors there.

    Args:
        cloud: Where it will be deployed.
        directory: Where the assembly goes.
        options: What to change in the chat's configuration; by default latency routing and notices are on.

    Raises:
        RuntimeError: with what the app printed.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    context["systems"] = ["chat"]
    for region in context["chat"]["regions"]:
        let_mail_out(cloud, region)
    context["chat"] |= options or {
        "latency_routing": True,
        "domain_name": f"api.{ZONE}",
        "hosted_zone_id": hosted_zone(cloud),
        "hosted_zone_name": ZONE,
        "notices": {"identity": MAIL_DOMAIN, "sender": f"Chat <notices@{MAIL_DOMAIN}>"},
    }
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_OUTDIR": str(directory), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout)[-2000:])
    plugins = json.loads((directory / "validation-report.json").read_text())["pluginReports"]
    return Checked(
        directory,
        len(list(directory.glob("*.template.json"))),
        sum(len(plugin.get("violations", [])) for plugin in plugins),
        sum(len(plugin.get("suppressedViolations", [])) for plugin in plugins),
    )


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
    def user_pool(self) -> tuple[str, str]:
        """Ids of the user pool and of its client."""
        outputs = self.deployment.outputs[self._shared]
        return outputs["UserPoolId"], outputs["UserPoolClientId"]

    @property
    def table(self) -> str:
        """Name of the global table."""
        return self.physical_id(self._shared, "Table")

    def physical_id(self, stack: str, prefix: str) -> str:
        """Return the physical id of the one resource whose logical id starts with ``prefix`` and a hash.

        Raises:
            LookupError: when there is none, or several.
        """
        resources = self.deployment.resources[stack]
        # The CDK ends a logical id with eight hexadecimal digits.
        found = [physical for logical, physical in resources.items() if logical[:-8] == prefix]
        if len(found) != 1:
            message = f"{stack} has {len(found)} resources {prefix}: {', '.join(resources)}"
            raise LookupError(message)
        return found[0]

    def in_region(self, region: str, prefix: str) -> str:
        """Return the physical id of a resource of a Region's stack."""
        return self.physical_id(self.stacks[region], prefix)

    def client(self, service: str, region: str) -> Any:
        """Return an operator's boto3 client."""
        return self.cloud.client(service, region=region)

    def _api(self, region: str) -> str:
        host = urlsplit(self.deployment.outputs[self.stacks[region]]["ApiUrl"]).hostname or ""
        return self.cloud.http_api_url(host.partition(".")[0], region)
