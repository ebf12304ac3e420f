"""An application as users of the CDK write them: one small stack for each family of services.

`python -m tests.local.coverage.typical_app.app <folder>` synthesises it into the folder. It does not use this
library: it is the specimen for "any application deploys".
"""

import sys
from collections.abc import Callable

from aws_cdk import App, Stack

from tests.local.coverage.typical_app.compute import (
    balanced_containers,
    balanced_functions,
    network,
    scaled_instances,
    searches_and_batches,
)
from tests.local.coverage.typical_app.data import databases, streams, tables
from tests.local.coverage.typical_app.messaging import devices, events_and_workflows, messages
from tests.local.coverage.typical_app.operations import operations, people, releases
from tests.local.coverage.typical_app.web import apis, graph_and_events, users, website

FAMILIES: dict[str, Callable[[Stack], None]] = {
    "Network": network,
    "BalancedContainers": balanced_containers,
    "BalancedFunctions": balanced_functions,
    "ScaledInstances": scaled_instances,
    "Databases": databases,
    "Tables": tables,
    "Messages": messages,
    "EventsAndWorkflows": events_and_workflows,
    "Streams": streams,
    "Users": users,
    "Apis": apis,
    "GraphAndEvents": graph_and_events,
    "Website": website,
    "Releases": releases,
    "Operations": operations,
    "People": people,
    "Devices": devices,
    "SearchesAndBatches": searches_and_batches,
}


def main(output: str) -> None:
    app = App(outdir=output)
    for name, family in FAMILIES.items():
        family(Stack(app, name))
    app.synth()


if __name__ == "__main__":
    main(sys.argv[1])
