"""The fixtures for CDK applications and their option; ``plugin`` registers them with pytest.

CDK and the packs are imported inside the fixtures, so that a test run without CDK tests does not pay for them.
"""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from aws_cdk import App, Stack
    from syrupy.assertion import SnapshotAssertion

    from cdp_constructs.local import Deployment, LocalCloud
    from cdp_constructs.testing.synthesis import Synthesis


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option that names the app's configuration."""
    parser.addini("cdk_json", "The cdk.json whose context the tests use, from the root directory.", default="cdk.json")


@pytest.fixture(scope="session")
def cdk_context(pytestconfig: pytest.Config) -> dict[str, Any]:
    """Return the context of ``cdk.json``: ``App()`` does not read it, so templates would differ from synth."""
    file = pytestconfig.rootpath / str(pytestconfig.getini("cdk_json"))
    context: dict[str, Any] = json.loads(file.read_text()).get("context", {}) if file.exists() else {}
    return context


@pytest.fixture
def cdk_app(cdk_context: dict[str, Any]) -> "App":
    """Return a fresh app with the context of ``cdk.json``, for what must not be in a common synthesis."""
    from aws_cdk import App

    return App(context=cdk_context)


@pytest.fixture(scope="session")
def nag_packs() -> "Callable[[App], list[Any]]":
    """Return what makes the packs of the session's synthesis; override it to run others."""

    def packs(app: "App") -> list[Any]:
        import cdk_nag

        return [
            cdk_nag.AwsSolutionsChecks(app),
            cdk_nag.ServerlessChecks(app),
            cdk_nag.HIPAASecurityChecks(app),
            cdk_nag.NIST80053R5Checks(app),
            cdk_nag.PCIDSS321Checks(app),
        ]

    return packs


@pytest.fixture(scope="session")
def synthesis(
    cdk_context: dict[str, Any],
    nag_packs: "Callable[[App], list[Any]]",
    tmp_path_factory: pytest.TempPathFactory,
) -> "Synthesis":
    """Return the session's synthesis; call it with a function marked ``@architecture``."""
    from cdp_constructs.testing.synthesis import Synthesis

    return Synthesis(cdk_context, nag_packs, tmp_path_factory.mktemp("assemblies"))


@pytest.fixture
def template_snapshot(snapshot: "SnapshotAssertion") -> "SnapshotAssertion":
    """Return a JSON snapshot; compare it with ``synthesis(…).normalised``."""
    from syrupy.extensions.json import JSONSnapshotExtension

    return snapshot.with_defaults(extension_class=JSONSnapshotExtension)


@pytest.fixture
def card_snapshot(snapshot: "SnapshotAssertion") -> "SnapshotAssertion":
    """Return a text snapshot; compare it with ``synthesis(…).card``."""
    from cdp_constructs.testing.snapshots import text_extension

    return snapshot.with_defaults(extension_class=text_extension())


@pytest.fixture
def assert_card(card_snapshot: "SnapshotAssertion") -> "Callable[[Stack], None]":
    """Return a function that compares the architecture card of a stack with the committed one.

    It synthesises the stack's app. ``pytest --snapshot-update`` writes the card.
    """
    from cdp_constructs.testing.synthesis import card_of

    def check(stack: "Stack") -> None:
        assert card_of(stack) == card_snapshot  # noqa: S101  # pytest explains it

    return check


@pytest.fixture(scope="session")
def local_cloud() -> "Iterator[LocalCloud]":
    """Return an embedded cloud of this session's own, gone with the session. Needs ``cdp-constructs[local]``."""
    from cdp_constructs.local import LocalCloud

    # Other workers synthesise meanwhile: on a busy machine a start takes longer than a person would wait.
    with LocalCloud.start(timeout=120) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def deployed(
    local_cloud: "LocalCloud", synthesis: "Synthesis", cdk_context: dict[str, Any]
) -> "Callable[[Callable[..., Any]], Deployment]":
    """Return a function that deploys a marked architecture to the local cloud, once per session."""
    deployments: dict[Callable[..., Any], Deployment] = {}
    # `cdk bootstrap` reads the qualifier of the application there, too.
    qualifier = cdk_context.get("@aws-cdk/core:bootstrapQualifier")
    options: dict[str, Any] = {"bootstrap_qualifiers": [qualifier]} if qualifier else {}

    def deploy(build: Callable[..., Any]) -> "Deployment":
        if build not in deployments:
            synthesised = synthesis(build)
            deployments[build] = local_cloud.deploy(
                synthesised.assembly,
                stacks=list(synthesised.template_files),
                **options,
            )
        return deployments[build]

    return deploy
