"""The CDK's service modules, imported when they are used."""

import ast
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from aws_cdk import aws_lambda, aws_sns

from cdp_constructs.core import cdk


def test_a_service_is_the_cdks_module() -> None:
    assert cdk.lambda_.Function is aws_lambda.Function
    assert cdk.sns.ITopic is aws_sns.ITopic


def test_annotations_in_quotes_resolve() -> None:
    def example(topic: "cdk.sns.ITopic | None") -> None: ...

    assert typing.get_type_hints(example)["topic"] == aws_sns.ITopic | None


def test_nothing_is_imported_before_it_is_used() -> None:
    program = "import sys; from cdp_constructs.core.cdk import kms, lambda_, sns; print('aws_cdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_service_that_is_not_listed_is_named() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'sn'"):
        _ = cdk.sn  # type: ignore[attr-defined]


def test_what_type_checkers_see_is_what_there_is() -> None:
    tree = ast.parse(Path(cdk.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    aliases = [alias for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert [alias.asname for alias in aliases] == cdk.__all__
    assert [alias.name for alias in aliases] == [f"aws_{name.removesuffix('_')}" for name in cdk.__all__]
