"""A site whose files are repaired by themselves: what somebody changes in its bucket is put back in seconds."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import DirectHosting, SelfHealingSite

SITE = Path(__file__).parent / "orders_site"


def build(stack: Stack, operators: sns.ITopic) -> SelfHealingSite:
    """Serve the built application, keep it as it was deployed, and notify operators of each change."""
    web = DirectHosting(stack, "Web")
    healing = SelfHealingSite(stack, "Healing", site=web, alarm_topic=operators)
    web.add_site(SITE, immutable="assets/*")
    return healing
