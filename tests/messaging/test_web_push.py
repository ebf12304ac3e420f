"""What the channel for browsers promises in its templates, and which options it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ses as ses

from cdp_constructs import PUSH_SERVICES, InvalidOptionError, Notifications, VapidKeys, WebPush
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "docs/examples/notice_settings"
LAYER = ROOT / "build/layers/web-push"
CONTACT = "mailto:operators@example.com"


def web_push(stack: Stack, **options: Any) -> WebPush:
    return WebPush(WebPush.layer_from_folder(stack, "Layer", LAYER), **{"contact": CONTACT, **options})


def notifications(stack: Stack, channel: WebPush, **options: Any) -> Notifications:
    made = Notifications(
        stack,
        "Notices",
        identity=ses.EmailIdentity.from_email_identity_name(stack, "Identity", "example.com"),
        sender="Chat <notices@example.com>",
        unsubscribe_url="https://example.com/stop",
        web_push=channel,
        **options,
    )
    back_end = add_function(stack, "BackEnd", handler=SETTINGS, description="Keeps", invocation=Invocation.REQUEST)
    made.share_with(back_end)
    return made


@architecture
def browsers(stack: Stack) -> None:
    notifications(stack, web_push(stack))


@architecture
def browsers_with_a_key(stack: Stack) -> None:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    notifications(stack, web_push(stack), encryption_key=key, removal_policy=RemovalPolicy.DESTROY)


@architecture
def browsers_of_two_regions(app: App) -> None:
    home = Stack(app, "WebPushHome", env=Environment(account="111122223333", region="us-east-1"))
    away = Stack(app, "WebPushAway", env=Environment(account="111122223333", region="us-west-2"))
    keys = VapidKeys(home, "VapidKeys", replica_regions=["us-west-2"])
    for stack in (home, away):
        notifications(stack, web_push(stack, keys=keys))


EVERY = [browsers, browsers_with_a_key]


def functions(synthesised: Any, prefix: str) -> dict[str, Any]:
    [found] = [
        function["Properties"]
        for name, function in synthesised.resources("AWS::Lambda::Function").items()
        if name.startswith(prefix)
    ]
    return dict(found)


def secret_statements(synthesised: Any) -> dict[str, dict[str, Any]]:
    """Return what each role may do with secrets."""
    return {
        policy["Properties"]["Roles"][0]["Ref"]: statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "secretsmanager:" in json.dumps(statement["Action"])
    }


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Any, synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_the_private_key_is_read_by_the_delivery_only_and_written_when_it_is_made(synthesis: Synthesis) -> None:
    found = secret_statements(synthesis(browsers))
    [(secret, resource)] = synthesis(browsers).resources("AWS::SecretsManager::Secret").items()
    assert {(name[:16], json.dumps(statement["Action"])) for name, statement in found.items()} == {
        ("NoticesDeliveryF", '"secretsmanager:GetSecretValue"'),
        ("NoticesVapidKeys", '["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]'),
    }
    assert {json.dumps(statement["Resource"]) for statement in found.values()} == {json.dumps({"Ref": secret})}
    assert resource["DeletionPolicy"] == "Retain"


def test_functions_know_the_public_key_and_the_push_services_and_only_the_delivery_the_secret(
    synthesis: Synthesis,
) -> None:
    back_end = functions(synthesis(browsers), "BackEnd")["Environment"]["Variables"]
    parts = [part for part in back_end["NOTICES"]["Fn::Join"][1] if isinstance(part, dict)]
    assert [part["Fn::GetAtt"][1] for part in parts if "Fn::GetAtt" in part] == ["PublicKey"]
    assert json.dumps(list(PUSH_SERVICES), separators=(",", ":")) in str(back_end["NOTICES"])
    delivery = functions(synthesis(browsers), "NoticesDelivery")
    assert delivery["Environment"]["Variables"]["VAPID_CONTACT"] == CONTACT
    assert "VAPID_SECRET" not in back_end
    assert [layer["Ref"] for layer in delivery["Layers"] if layer["Ref"].startswith("Layer")]


def test_the_customer_managed_key_encrypts_the_secret_and_its_readers_may_use_it(synthesis: Synthesis) -> None:
    synthesised = synthesis(browsers_with_a_key)
    [(_, secret)] = synthesised.resources("AWS::SecretsManager::Secret").items()
    assert secret["Properties"]["KmsKeyId"] == {"Fn::GetAtt": ["Key961B73FD", "Arn"]}
    assert secret["DeletionPolicy"] == "Delete"
    for role in ("NoticesVapidKeys", "NoticesDelivery"):
        [decrypts, *_] = [
            statement
            for policy in synthesised.resources("AWS::IAM::Policy").values()
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if policy["Properties"]["Roles"][0]["Ref"].startswith(role) and "kms:Decrypt" in str(statement["Action"])
        ]
        assert decrypts["Effect"] == "Allow"


def test_each_region_reads_its_own_replica_of_one_pair(synthesis: Synthesis) -> None:
    templates = synthesis(browsers_of_two_regions).templates
    home, away = templates["WebPushHome"], templates["WebPushAway"]
    assert len([1 for item in away["Resources"].values() if item["Type"] == "AWS::SecretsManager::Secret"]) == 0
    [secret] = [item for item in home["Resources"].values() if item["Type"] == "AWS::SecretsManager::Secret"]
    assert secret["Properties"]["ReplicaRegions"] == [{"Region": "us-west-2"}]
    assert ":secretsmanager:us-west-2:111122223333:secret:" in json.dumps(away)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"contact": "operators@example.com"}, "contact is 'operators@example.com'. Use mailto:"),
        ({"contact": "http://example.com"}, "contact is 'http://example.com'"),
        ({"push_services": []}, "push_services"),
        (
            {"push_services": ["https://push.example.com"]},
            "push_services contains 'https://push.example.com'. Use",
        ),
        ({"push_services": ["*"]}, "push_services contains '\\*'"),
        ({"push_services": ["*.com/x"]}, "push_services contains '\\*.com/x'"),
        ({"push_services": ["10.0.0.1"]}, "push_services contains '10.0.0.1'"),
        ({"push_services": ["169.254.169.254"]}, "push_services contains '169.254.169.254'"),
        ({"push_services": ["[::1]"]}, "push_services contains"),
        ({"push_services": ["metadata"]}, "push_services contains 'metadata'"),
    ],
)
def test_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        web_push(Stack(), **options)


def test_a_folder_without_the_package_is_refused_with_the_command_that_fills_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match=r"has no http_ece. Run: pip install --no-deps --target .*http-ece"):
        WebPush.layer_from_folder(Stack(), "Layer", tmp_path)


def test_layer_is_pinned_to_the_version_that_decrypts_in_tests() -> None:
    pinned = {
        line.split()[0]
        for name in ("dev.lock", "web-push-layer.lock")
        for line in (ROOT / "requirements" / name).read_text().splitlines()
        if line.startswith("http-ece==")
    }
    assert len(pinned) == 1
