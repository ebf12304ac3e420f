"""Board D2: one server that can be made anew at any time, because it keeps nothing."""

from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.resources import findings, properties, resources, secret_settings, settings

STACK = "After6"


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[STACK] == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[STACK] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert findings(synthesis, STACK) == []


def test_there_is_one_server_and_never_two(synthesis: Synthesis) -> None:
    service = properties(synthesis, STACK, "AWS::ECS::Service")
    assert service["DesiredCount"] == 1
    configuration = service["DeploymentConfiguration"]
    assert (configuration["MinimumHealthyPercent"], configuration["MaximumPercent"]) == (0, 100)
    assert configuration["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_its_own_check_asks_the_database_and_the_load_balancer_does_not(synthesis: Synthesis) -> None:
    [container] = properties(synthesis, STACK, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["HealthCheck"]["Command"] == ["CMD", "python", "-m", "stacks.dojo.app.check"]
    assert properties(synthesis, STACK, "AWS::ElasticLoadBalancingV2::TargetGroup")["HealthCheckPath"] == "/health"


def test_state_is_outside_and_survives_the_stack(synthesis: Synthesis) -> None:
    [database] = resources(synthesis, STACK, "AWS::RDS::DBInstance")
    assert database["DeletionPolicy"] == "Retain"
    found = database["Properties"]
    assert found["DeletionProtection"]
    assert found["StorageEncrypted"]
    assert found["BackupRetentionPeriod"] == 14
    assert not found["MultiAZ"]
    assert resources(synthesis, STACK, "AWS::SecretsManager::RotationSchedule")


def test_notices_are_the_application_s_own_and_its_keys_are_secrets(synthesis: Synthesis) -> None:
    chosen = settings(synthesis, STACK)
    assert chosen["CHAT_NOTICES"] == "push"
    assert "CHAT_FILES" not in chosen
    assert {"CHAT_PUSH_KEY", "CHAT_SESSION_KEY"} <= secret_settings(synthesis, STACK)
    # The database's password is read when a connection is made, so that a rotation needs no new server.
    assert "CHAT_DATABASE_SECRET" not in chosen
    assert chosen["CHAT_DATABASE_SECRET_ID"]


def test_the_server_starts_after_its_keys_were_made(synthesis: Synthesis) -> None:
    template = synthesis(boards).templates[STACK]["Resources"]
    [service] = resources(synthesis, STACK, "AWS::ECS::Service")
    assert any(template[name]["Type"] == "Custom::VapidKeys" for name in service["DependsOn"])
