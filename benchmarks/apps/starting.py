"""Starts what is timed: `python -m benchmarks.apps.by_hand fan_out 3` synthesises three fan-outs by hand."""

import argparse
import os
from importlib import import_module

from aws_cdk import App, Stack
from aws_cdk import aws_sns as sns

__all__ = ["main"]

# A template has at most 500 resources.
_IN_A_STACK = 10


def main(package: str) -> None:
    """Synthesise a job of a package, as often as asked, into ``CDK_OUTDIR``.

    Args:
        package: Has a module with a function ``build(stack, name, operators)`` for each job.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job")
    parser.add_argument("count", type=int)
    parser.add_argument("--nag", action="store_true", help="with the five packs of rules")
    options = parser.parse_args()
    build = import_module(f"{package}.{options.job}").build
    # The CDK reads the context from a variable, as under `cdk synth`.
    app = App(outdir=os.environ["CDK_OUTDIR"])
    for number in range(options.count):
        if number % _IN_A_STACK == 0:
            stack = Stack(app, f"Orders{number // _IN_A_STACK}")
            operators = sns.Topic(stack, "Operators", enforce_ssl=True)
        build(stack, f"Placed{number}", operators)
    if options.nag:
        _add_rules(app)
    app.synth()


def _add_rules(app: App) -> None:
    """Let five packs of rules look at it; what they find is in the validation report."""
    import cdk_nag
    from aws_cdk import Validations

    Validations.of(app).add_plugins(
        cdk_nag.AwsSolutionsChecks(app),
        cdk_nag.ServerlessChecks(app),
        cdk_nag.HIPAASecurityChecks(app),
        cdk_nag.NIST80053R5Checks(app),
        cdk_nag.PCIDSS321Checks(app),
    )
