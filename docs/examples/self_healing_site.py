"""A site that mends itself: what somebody changes in its bucket is put back in seconds, and operators hear of it."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import DirectHosting, SelfHealingSite

SITE = Path(__file__).parent / "orders_site"


def build(stack: Stack, operators: sns.ITopic) -> SelfHealingSite:
    """Serve the built application, and keep it as it was deployed."""
    web = DirectHosting(stack, "Web")
    healing = SelfHealingSite(stack, "Healing", site=web, alarm_topic=operators)
    web.add_site(SITE, immutable="assets/*")
    return healing
