"""The same fan-out with ``SnsSqsFanout``."""

import os

import aws_cdk as cdk
from aws_cdk import aws_sns as sns

from cdp_constructs import SnsSqsFanout

app = cdk.App(outdir=os.environ["CDK_OUTDIR"])
stack = cdk.Stack(app, "Orders")
operators = sns.Topic(stack, "Operators", enforce_ssl=True)
fanout = SnsSqsFanout(stack, "Placed", alarm_topic=operators)
for name in ("Billing", "Archive"):
    fanout.add_subscriber(name, filter_policy={"kind": ["order"]})
app.synth()
