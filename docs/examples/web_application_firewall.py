"""A site whose visitors have passed AWS's rules, a limit for each address, and the countries that it serves."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import DirectHosting, WebApplicationFirewall
from docs.examples.direct_hosting import SITE


def build(stack: Stack) -> WebApplicationFirewall:
    """Add the site and its firewall to a stack of us-east-1."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    site = DirectHosting(stack, "Site")
    site.add_site(SITE)
    firewall = WebApplicationFirewall(
        stack, "Firewall", rate_limit=100, allowed_countries=["JP", "US"], alarm_topic=operators
    )
    site.attach_web_acl(firewall.web_acl_arn)
    return firewall
