"""RDS: parameter groups act on the server; wrong ones are refused, static ones wait for a reboot."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.local.services.rds.connections import REGION, Api, alone, ask, connect

Eventually = Callable[..., Any]
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Group": {
            "Type": "AWS::RDS::DBParameterGroup",
            "Properties": {
                "Family": "postgres17",
                "Description": "rooms",
                "Parameters": {"max_connections": "40", "statement_timeout": "700"},
            },
        },
        "Database": alone(EngineVersion="17.4", DBParameterGroupName={"Ref": "Group"}),
    },
    "Outputs": {
        "Group": {"Value": {"Ref": "Group"}},
        "Name": {"Value": {"Ref": "Database"}},
        "Address": {"Value": {"Fn::GetAtt": ["Database", "Endpoint.Address"]}},
    },
}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    return stacks.deploy(TEMPLATE, region=REGION)  # type: ignore[no-any-return]


def _modify(api: Api, group: str, method: str = "immediate", **values: str) -> None:
    changes = [
        {"ParameterName": name.replace("__", "."), "ParameterValue": value, "ApplyMethod": method}
        for name, value in values.items()
    ]
    api.client.modify_db_parameter_group(DBParameterGroupName=group, Parameters=changes)


def _status(api: Api, name: str) -> str:
    return str(api.described(name)["DBParameterGroups"][0]["ParameterApplyStatus"])


def test_a_server_starts_with_its_group(outputs: dict[str, str]) -> None:
    assert ask(outputs["Address"], "show max_connections") == [("40",)]
    with connect(outputs["Address"]) as connection, pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("select pg_sleep(5)")


def test_a_dynamic_parameter_acts_at_once(api: Api, outputs: dict[str, str], eventually: Eventually) -> None:
    _modify(api, outputs["Group"], log_min_duration_statement="250")
    eventually(lambda: ask(outputs["Address"], "show log_min_duration_statement") == [("250ms",)])
    assert _status(api, outputs["Name"]) == "in-sync"


def test_a_static_parameter_waits_for_a_reboot(api: Api, outputs: dict[str, str], eventually: Eventually) -> None:
    with pytest.raises(ClientError, match="cannot use immediate apply method for static parameter"):
        _modify(api, outputs["Group"], max_connections="50")
    _modify(api, outputs["Group"], "pending-reboot", max_connections="50")
    assert _status(api, outputs["Name"]) == "pending-reboot"
    assert ask(outputs["Address"], "show max_connections") == [("40",)]
    api.client.reboot_db_instance(DBInstanceIdentifier=outputs["Name"])
    eventually(lambda: ask(outputs["Address"], "show max_connections") == [("50",)])
    assert _status(api, outputs["Name"]) == "in-sync"


def test_connections_need_tls_unless_the_group_says_otherwise(
    api: Api, outputs: dict[str, str], eventually: Eventually
) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(outputs["Address"], sslmode="disable")
    _modify(api, outputs["Group"], rds__force_ssl="0")
    eventually(lambda: ask(outputs["Address"], "select 1", sslmode="disable") == [(1,)])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_conections": "50"}, "Could not find parameter with name: max_conections"),
        ({"statement_timeout": "soon"}, "Invalid parameter value: soon for: statement_timeout"),
        ({"statement_timeout": "-1"}, "allowed values are: 0-2147483647"),
        ({"autovacuum": "perhaps"}, "Invalid parameter value: perhaps for: autovacuum"),
    ],
)
def test_wrong_parameters_are_refused(api: Api, outputs: dict[str, str], values: dict[str, str], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        _modify(api, outputs["Group"], **values)


def test_a_reset_brings_back_the_default(api: Api, outputs: dict[str, str], eventually: Eventually) -> None:
    api.client.reset_db_parameter_group(
        DBParameterGroupName=outputs["Group"],
        Parameters=[{"ParameterName": "statement_timeout", "ApplyMethod": "immediate"}],
    )
    eventually(lambda: ask(outputs["Address"], "show statement_timeout") == [("0",)])
