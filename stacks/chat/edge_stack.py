"""What CloudFront takes from us-east-1 only: the web client's certificate and its web ACL."""

from typing import TYPE_CHECKING, Any

from aws_cdk import Stack
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdp_constructs import WebApplicationFirewall
from cdp_constructs.core.runbooks import use_runbooks
from cdp_constructs.operations.alarm_topic import AlarmTopic
from stacks.chat.operations import RUNBOOKS

if TYPE_CHECKING:
    from aws_cdk import aws_certificatemanager as acm

    from stacks.chat.config import ChatConfiguration
    from stacks.chat.firewall import FirewallConfiguration

REGION = "us-east-1"
"""Where CloudFront takes certificates and web ACLs from, wherever the chat runs."""


def hosted_zone(scope: Construct, configuration: "ChatConfiguration") -> route53.IHostedZone:
    """Import the zone that holds the chat's names."""
    return route53.HostedZone.from_hosted_zone_attributes(
        scope,
        "Zone",
        hosted_zone_id=str(configuration.hosted_zone_id),
        zone_name=str(configuration.hosted_zone_name),
    )


class EdgeStack(Stack):
    """What the web client's distribution needs in us-east-1.

    Attributes:
        certificate: Of the web client's own name; None without one, or with an existing certificate.
        firewall: In front of the web client and the API behind it; None without one, or with an existing web ACL.
    """

    certificate: "acm.ICertificate | None" = None
    firewall: "WebApplicationFirewall | None" = None

    def __init__(
        self, scope: Construct, construct_id: str, *, configuration: "ChatConfiguration", **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, description="Chat: what CloudFront takes from us-east-1", **kwargs)
        use_runbooks(self, RUNBOOKS)
        name = configuration.web_domain_name
        if name is not None and configuration.web_certificate_arn is None:
            # Imported here: with an existing certificate none is made.
            from aws_cdk import aws_certificatemanager as acm

            validation = acm.CertificateValidation.from_dns(hosted_zone(self, configuration))
            self.certificate = acm.Certificate(self, "Certificate", domain_name=name, validation=validation)
        if configuration.firewall is not None and configuration.web_acl_arn is None:
            self.firewall = self._add_firewall(configuration.firewall, configuration.alarm_email)

    def _add_firewall(self, rules: "FirewallConfiguration", alarm_email: str | None) -> "WebApplicationFirewall":
        alarms = AlarmTopic(self, "Alarms", email=alarm_email)
        return WebApplicationFirewall(
            self,
            "Firewall",
            # Messages may say <script>, and pictures are large: the API judges what it is sent.
            inspect_bodies=False,
            rate_limit=rules.rate_limit,
            allowed_countries=rules.allowed_countries,
            blocked_countries=rules.blocked_countries,
            alarm_topic=alarms.topic,
        )
