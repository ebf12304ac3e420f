"""The library as a package: its public names, what an import costs, and what a wheel of it can do elsewhere."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import cdp_constructs
from cdp_constructs._exports import MODULE_OF

ROOT = Path(__file__).parent.parent


def test_what_runs_what_types_and_what_star_imports_are_the_same_names() -> None:
    stub = ast.parse((ROOT / "cdp_constructs/__init__.pyi").read_text())
    typed = {
        alias.name: str(node.module) for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == {**MODULE_OF, "__version__": "cdp_constructs._version"}
    assert sorted(cdp_constructs.__all__) == sorted(typed)


@pytest.mark.parametrize("name", sorted(MODULE_OF))
def test_every_public_name_is_importable_and_documented(name: str) -> None:
    assert getattr(cdp_constructs, name).__doc__


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(AttributeError, match="SnsSqsFanout"):
        _ = cdp_constructs.NoSuchPattern  # type: ignore[attr-defined]


def modules_after(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after a statement."""
    script = f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_package_imports_no_cdk() -> None:
    assert not {name for name in modules_after("import cdp_constructs") if name.startswith(("aws_cdk", "constructs"))}


# Not patterns, but values that several patterns take or return.
VALUES = {
    "AsyncRetries",
    "DatabaseCapacity",
    "DatabaseReplica",
    "FanoutSubscriber",
    "QueueConsumer",
    "ServiceContainer",
    "ServiceRoute",
    "ServiceScaling",
    "TaskSize",
    "TrafficShift",
    "UserDataLimits",
    "WorkQueue",
}
PATTERNS = sorted(
    name for name, module in MODULE_OF.items() if not module.startswith("cdp_constructs.core") and name not in VALUES
)


# One process for all, in which the library is forgotten in between: the CDK and Node are loaded once.
EACH_ALONE = """
import json, sys
from importlib import import_module
loaded = {}
for name in sys.argv[1:]:
    for module in [module for module in sys.modules if module.startswith("cdp_constructs")]:
        del sys.modules[module]
    getattr(import_module("cdp_constructs"), name)
    loaded[name] = [module for module in sys.modules if module.startswith("cdp_constructs")]
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded_by() -> dict[str, list[str]]:
    command = [sys.executable, "-c", EACH_ALONE, *PATTERNS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", PATTERNS)
def test_importing_one_pattern_imports_no_other(name: str, loaded_by: dict[str, list[str]]) -> None:
    own = MODULE_OF[name]
    others = {MODULE_OF[other] for other in PATTERNS} - {own}
    loaded = set(loaded_by[name])
    assert own in loaded
    assert loaded & others <= composed_by(own)


# The patterns that always make a Lambda function are not here: aws_cdk.aws_lambda itself imports aws_ec2.
@pytest.mark.parametrize("name", ["MultiRegionLatencyRouting", "SnsSqsFanout", "StateSharing"])
def test_a_pattern_that_needs_no_aws_ec2_does_not_import_it(name: str) -> None:
    assert "aws_cdk.aws_ec2" not in modules_after(f"from cdp_constructs import {name}")


def composed_by(module: str) -> set[str]:
    """Return the patterns that a pattern is made of; those it may import."""
    return {
        "cdp_constructs.api.authorized_api": {"cdp_constructs.api.sign_in_user_pool"},
        "cdp_constructs.api.direct_integration_api": {"cdp_constructs.api.sign_in_user_pool"},
        "cdp_constructs.api.user_identity_pool": {"cdp_constructs.api.sign_in_user_pool"},
        "cdp_constructs.compute.scale_out_service": {"cdp_constructs.compute.service_front"},
        "cdp_constructs.compute.stamp": {"cdp_constructs.compute.service_front"},
        "cdp_constructs.data.speed_layer": {"cdp_constructs.iot.topics"},
        "cdp_constructs.delivery.direct_hosting": {"cdp_constructs.delivery.cache_distribution"},
        "cdp_constructs.delivery.self_healing_site": {
            "cdp_constructs.delivery.cache_distribution",
            "cdp_constructs.delivery.direct_hosting",
        },
        "cdp_constructs.delivery.sorry_page": {"cdp_constructs.delivery.cache_distribution"},
        "cdp_constructs.iot.aggregation": {"cdp_constructs.iot.topic_rule", "cdp_constructs.iot.topics"},
        "cdp_constructs.iot.broadcast": {"cdp_constructs.iot.topics"},
        "cdp_constructs.workflow.workflow": {"cdp_constructs.workflow.workflow_queue"},
        "cdp_constructs.workflow.weighted_transition": {
            f"cdp_constructs.workflow.{name}" for name in ("steps", "weighted_targets", "workflow", "workflow_queue")
        },
        "cdp_constructs.pipeline.delivery_pipeline": {"cdp_constructs.pipeline.delivery_wave"},
        "cdp_constructs.operations.growth": {"cdp_constructs.operations.dashboards"},
        "cdp_constructs.operations.log_queries": {"cdp_constructs.operations.dashboards"},
        "cdp_constructs.iot.fanout_notification": {
            "cdp_constructs.iot.topic_rule",
            "cdp_constructs.iot.topics",
            "cdp_constructs.messaging.sns_sqs_fanout",
        },
        "cdp_constructs.iot.point_to_point": {"cdp_constructs.iot.topic_rule", "cdp_constructs.iot.topics"},
        "cdp_constructs.iot.device_fleet": {
            "cdp_constructs.iot.claim_certificate",
            "cdp_constructs.iot.topic_rule",
            "cdp_constructs.iot.topics",
        },
        "cdp_constructs.iot.topic_rule": {"cdp_constructs.iot.topics"},
        "cdp_constructs.messaging.transactional_outbox": {"cdp_constructs.messaging.sns_sqs_fanout"},
        "cdp_constructs.operations.alarm_topic": {"cdp_constructs.messaging.sns_sqs_fanout"},
        "cdp_constructs.operations.monitoring_integration": {
            "cdp_constructs.messaging.sns_sqs_fanout",
            "cdp_constructs.operations.alarm_topic",
        },
        "cdp_constructs.realtime.events_namespace": {"cdp_constructs.realtime.channel_namespace"},
        "cdp_constructs.realtime.realtime_channels": {
            "cdp_constructs.realtime.channel_namespace",
            "cdp_constructs.realtime.events_namespace",
        },
        "cdp_constructs.realtime.web_socket_channels": {"cdp_constructs.realtime.channel_namespace"},
        "cdp_constructs.upload.direct_object_upload": {"cdp_constructs.messaging.sns_sqs_fanout"},
    }.get(module, set())


def test_the_library_imports_neither_the_local_cloud_nor_the_testing_kit() -> None:
    apart = {"cli", "local", "testing"}
    families = [file.parent for file in (ROOT / "cdp_constructs").glob("*/__init__.py")]
    for family in [family for family in families if family.name not in apart]:
        for file in family.rglob("*.py"):
            imported = {
                node.module or "" for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)
            }
            assert not {
                name
                for name in imported
                if name.startswith(("cdp_constructs.local", "cdp_constructs.testing", "stacks"))
            }, file


def test_handlers_import_no_cdk() -> None:
    folders = ("handlers", "layers")
    roots = [ROOT / "cdp_constructs", ROOT / "stacks"]
    files = [file for root in roots for name in folders for file in root.glob(f"*/{name}/**/*.py")]
    assert files
    for file in files:
        text = file.read_text()
        assert "aws_cdk" not in text, file
        assert "cdp_constructs" not in text, file
