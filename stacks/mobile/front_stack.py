"""The front door: one name, a certificate, AWS WAF and CloudFront, before S3 and before both APIs."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdp_constructs import DirectHosting, WebApplicationFirewall
from cdp_constructs.core.cdk import certificatemanager
from cdp_constructs.core.names import name_everywhere
from cdp_constructs.core.runbooks import use_runbooks
from stacks.alarms import add_alarms
from stacks.mobile import RUNBOOKS, SITE
from stacks.mobile.backend_stack import BackendStack
from stacks.mobile.config import MobileConfiguration
from stacks.mobile.direct import PATH

__all__ = ["REGION", "FrontStack"]

REGION = "us-east-1"
"""Where CloudFront takes certificates and web ACLs from, and publishes its metrics."""


class FrontStack(Stack):
    """What everybody talks to; all else is behind it.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        configuration: What the operator decides.
        backend: What answers.

    Attributes:
        firewall: Judges each request.
        hosting: The distribution, and the page that browsers get.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, configuration: MobileConfiguration, backend: BackendStack
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=Environment(region=REGION),
            description="Mobile backend: name, certificate, firewall, distribution",
        )
        use_runbooks(self, RUNBOOKS)
        alarm_topic = add_alarms(self, configuration.alarm_email, option="mobile.alarm_email").topic
        self.firewall = WebApplicationFirewall(
            self,
            "Firewall",
            # Saved games may say <script>, and are larger than what is inspected: the backend judges what it is sent.
            inspect_bodies=False,
            rate_limit=configuration.rate_limit,
            alarm_topic=alarm_topic,
        )
        zone = _zone(self, configuration)
        self.hosting = DirectHosting(
            self,
            "Front",
            domain_names=[] if configuration.domain_name is None else [configuration.domain_name],
            certificate=None if zone is None else _certificate(self, str(configuration.domain_name), zone),
            zone=zone,
            alarm_topic=alarm_topic,
        )
        self.hosting.add_site(SITE)
        self.hosting.add_api(backend.api.api, path="/api")
        direct = backend.direct.front.api
        host = f"{direct.rest_api_id}.execute-api.{backend.region}.{self.url_suffix}"
        # Its only stage; its name as a reference would be one more value between the Regions.
        self.hosting.cache.add_uncached_behavior(f"{PATH}/*", origins.HttpOrigin(host, origin_path="/live"))
        # What an application reads when it starts, so that it needs no release when something moves.
        self.hosting.add_configuration(
            {
                "api": "/api",
                "direct": PATH,
                "backups": {
                    "identityPoolId": backend.backups.identities.identity_pool.ref,
                    "bucket": name_everywhere(backend.backups.bucket),
                },
                "userPool": {
                    "region": backend.region,
                    "clientId": backend.users.user_pool_client.user_pool_client_id,
                },
            }
        )
        self.hosting.attach_web_acl(self.firewall.web_acl_arn)
        CfnOutput(self, "Url", value=self.hosting.url)


def _zone(stack: Stack, configuration: MobileConfiguration) -> route53.IHostedZone | None:
    if configuration.domain_name is None:
        return None
    return route53.HostedZone.from_hosted_zone_attributes(
        stack,
        "Zone",
        hosted_zone_id=str(configuration.hosted_zone_id),
        zone_name=str(configuration.hosted_zone_name),
    )


def _certificate(stack: Stack, name: str, zone: route53.IHostedZone) -> "certificatemanager.ICertificate":
    from aws_cdk import aws_certificatemanager as acm

    return acm.Certificate(stack, "Certificate", domain_name=name, validation=acm.CertificateValidation.from_dns(zone))
