from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnMapping, CfnResource, Environment, Stack, Stage
from aws_cdk import aws_sns as sns

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.testing import Synthesis, architecture, architectures, normalise


@architecture
def plain_topic(stack: Stack) -> sns.Topic:
    return sns.Topic(stack, "Topic")


@architecture
def acknowledged_topic(stack: Stack) -> sns.Topic:
    topic = sns.Topic(stack, "Topic")
    acknowledge(topic, "AwsSolutions-SNS3", "Publishers are inside the same host.")
    return topic


@architecture
def broken(stack: Stack) -> None:
    sns.Topic(stack, "Topic")
    message = "this architecture cannot be built"
    raise ValueError(message)


@architecture
def two_regions_of_a_stage(app: App) -> None:
    stage = Stage(app, "TestingKitStage")
    for region in ("eu-west-1", "us-west-2"):
        sns.Topic(Stack(stage, region, env=Environment(region=region)), "Topic")


def test_a_finding_names_rule_and_construct(synthesis: Synthesis) -> None:
    [finding] = synthesis(plain_topic).findings("AwsSolutions")
    assert finding.startswith("AwsSolutions-SNS3 at SynthesisPlainTopic/Topic/Resource: ")


def test_findings_of_the_other_packs_are_read_too(synthesis: Synthesis) -> None:
    packs = {"HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321"}
    assert {pack for pack in packs if synthesis(plain_topic).findings(pack)} == packs


@architecture
def unused_mapping(stack: Stack) -> None:
    sns.Topic(stack, "Topic")
    CfnMapping(stack, "Sizes", mapping={"small": {"cpu": "256"}})


def test_what_the_cdk_finds_in_a_template_is_a_finding_too(synthesis: Synthesis) -> None:
    [finding] = synthesis(unused_mapping).findings("CloudFormation")
    assert finding.startswith("W7001 at SynthesisUnusedMapping: ")
    assert synthesis(plain_topic).findings("CloudFormation") == []


def test_an_acknowledged_finding_keeps_its_reason_and_is_no_finding(synthesis: Synthesis) -> None:
    kept = [(item.rule, item.reason) for item in synthesis(acknowledged_topic).acknowledged("AwsSolutions")]
    assert kept == [("AwsSolutions-SNS3", "Publishers are inside the same host.")]
    assert synthesis(acknowledged_topic).findings("AwsSolutions") == []


def test_findings_belong_to_the_architecture_that_has_them(synthesis: Synthesis) -> None:
    assert all("SynthesisPlainTopic/" in line for line in synthesis(plain_topic).findings())


def test_without_packs_an_architecture_is_there_and_its_findings_are_not_called_none(tmp_path: Path) -> None:
    built = Synthesis({}, lambda _app: [], tmp_path)(plain_topic)
    assert built.resources("AWS::SNS::Topic")
    (built.assembly / "validation-report.json").unlink(missing_ok=True)  # the CDK may write one of its own checks
    with pytest.raises(FileNotFoundError):
        built.findings()


def test_an_architecture_that_raises_fails_only_who_asks_for_it(synthesis: Synthesis) -> None:
    with pytest.raises(ValueError, match="cannot be built"):
        synthesis(broken)
    synthesis(plain_topic).template.resource_count_is("AWS::SNS::Topic", 1)


def test_stacks_inside_a_stage_are_found_by_their_names(synthesis: Synthesis) -> None:
    assert sorted(synthesis(two_regions_of_a_stage).templates) == [
        "TestingKitStage-eu-west-1",
        "TestingKitStage-us-west-2",
    ]


def test_one_template_of_several_is_refused_with_their_names(synthesis: Synthesis) -> None:
    with pytest.raises(ValueError, match=r"has 2 stacks: TestingKitStage-eu-west-1, .*; use \.templates"):
        _ = synthesis(two_regions_of_a_stage).template_json


def test_architectures_of_a_module_share_an_assembly_and_others_are_not_in_it(synthesis: Synthesis) -> None:
    assembly = synthesis(plain_topic).assembly
    assert synthesis(acknowledged_topic).assembly == assembly
    assert {file.name.partition(".")[0] for file in assembly.glob("*.template.json")} == {
        "SynthesisPlainTopic",
        "SynthesisAcknowledgedTopic",
        "SynthesisUnusedMapping",
    }


def test_what_the_cdk_refuses_to_synthesise_is_told_to_each_who_asks_and_built_once(
    cdk_context: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    def circle(app: App) -> None:
        built.append(app)
        first, second = (CfnResource(Stack(app, name), "Topic", type="AWS::SNS::Topic") for name in ("One", "Two"))
        first.add_property_override("DisplayName", second.ref)
        second.add_property_override("DisplayName", first.ref)

    monkeypatch.setattr(architectures, "registered", [])
    architecture(circle)
    synthesis = Synthesis(cdk_context, lambda _: [], tmp_path)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="cyclic"):
            synthesis(circle)
    assert len(built) == 1


def test_an_unmarked_function_is_refused(synthesis: Synthesis) -> None:
    with pytest.raises(LookupError, match="mark it with @architecture"):
        synthesis(test_an_unmarked_function_is_refused)


def test_a_function_of_another_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="takes one argument, stack or app"):

        @architecture
        def wrong(scope: Stack) -> None:
            """Build nothing."""


def test_hashes_are_scrubbed_from_keys_and_values() -> None:
    digest = "0123456789abcdef" * 4
    template = {
        "FunctionCurrentVersion01234567" + "0123456789abcdef" * 2: {
            "S3Key": f"{digest}.zip",
            "Numbers": [1, None, True],
        }
    }
    assert normalise(template) == {
        "FunctionCurrentVersion01234567VERSION_HASH": {"S3Key": "ASSET_HASH.zip", "Numbers": [1, None, True]}
    }


def test_the_context_is_the_one_of_cdk_json(cdk_app: App) -> None:
    assert cdk_app.node.try_get_context("@aws-cdk/core:validateAgainstDefaultRules") is True
