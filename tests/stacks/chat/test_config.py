"""Every mistake in the chat's configuration is answered with one line: the key, the value, the fix."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs import PUSH_SERVICES
from stacks.chat.config import ChatConfiguration, ConfigurationError
from stacks.chat.limits import LimitsConfiguration
from stacks.chat.placeholders import placeholders_of

ROOT = Path(__file__).parents[3]
GOOD: dict[str, Any] = {
    "regions": ["ap-northeast-1", "us-west-2"],
    "allowed_origins": ["https://chat.example.com"],
    "latency_routing": False,
    "notices": None,
    "alarm_email": None,
}
"""What a chat had before everything was on by default."""
ROUTED = GOOD | {
    "latency_routing": True,
    "domain_name": "api.chat.example.com",
    "hosted_zone_id": "Z0123456789EXAMPLE",
    "hosted_zone_name": "chat.example.com",
}

PUSH = {"us-west-2": {"fcm": "arn:aws:sns:us-west-2:123456789012:app/GCM/chat"}}
NOTICES = {"identity": "example.com", "sender": "Chat <notices@example.com>", "platform_applications": PUSH}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000"
NAMED = GOOD | {"web_domain_name": "talk.example.com", "web_certificate_arn": CERTIFICATE}


def noticing(**changed: Any) -> dict[str, Any]:
    return GOOD | {"notices": NOTICES | changed}


def without(configuration: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in configuration.items() if name != key}


def test_the_first_region_is_home_and_retired_ones_are_still_read() -> None:
    configuration = ChatConfiguration.from_context(GOOD | {"retired_regions": ["eu-west-1"]})
    assert configuration.home_region == "ap-northeast-1"
    assert configuration.log_regions == ("ap-northeast-1", "us-west-2", "eu-west-1")


def test_the_command_line_passes_json_text() -> None:
    assert ChatConfiguration.from_context(json.dumps(GOOD)) == ChatConfiguration.from_context(GOOD)


def test_everything_switched_on_is_taken() -> None:
    everything = ROUTED | {
        "alarm_email": "ops@example.com",
        "notices": NOTICES,
        "runbook_base_url": "https://wiki.example.com/runbooks",
    }
    assert ChatConfiguration.from_context(everything).latency_routing


@pytest.mark.parametrize("context", [None, {}, json.loads((ROOT / "cdk.json").read_text())["context"]["chat"]])
def test_without_a_configuration_everything_is_on_under_names_that_nobody_owns(context: object) -> None:
    configuration = ChatConfiguration.from_context(context)
    assert configuration.latency_routing
    assert configuration.notices is not None
    assert configuration.web_address == "https://chat.example.com"
    assert [one.option for one in placeholders_of(configuration)] == [
        "chat.domain_name",
        "chat.hosted_zone_id",
        "chat.hosted_zone_name",
        "chat.web_domain_name",
        "chat.notices.identity",
        "chat.alarm_email",
    ]


def test_each_part_with_a_placeholder_can_be_switched_off() -> None:
    off = {"latency_routing": False, "notices": None, "alarm_email": None}
    assert placeholders_of(ChatConfiguration.from_context(off)) == ()
    origin = {"allowed_origins": ["https://talk.dev"]}
    left = {
        key: {one.option for one in placeholders_of(ChatConfiguration.from_context(origin | without(off, key)))}
        for key in off
    }
    names = ("domain_name", "hosted_zone_id", "hosted_zone_name", "web_domain_name")
    assert left == {
        "latency_routing": {f"chat.{name}" for name in names},
        "notices": {"chat.notices.identity"},
        "alarm_email": {"chat.alarm_email"},
    }


def test_names_of_ones_own_are_no_placeholders() -> None:
    mine = {
        "domain_name": "api.talk.dev",
        "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
        "hosted_zone_name": "talk.dev",
        "web_domain_name": "talk.dev",
        "notices": {"identity": "talk.dev", "sender": "Talk <notices@talk.dev>"},
        "alarm_email": "night@talk.dev",
    }
    configuration = ChatConfiguration.from_context(mine)
    assert placeholders_of(configuration) == ()
    # Who names the API and not the web client gets CloudFront's name for it, and no placeholder.
    assert ChatConfiguration.from_context(without(mine, "web_domain_name") | {"notices": None}).web_domain_name is None


def test_one_limit_may_be_given_and_the_others_are_as_they_were() -> None:
    assert ChatConfiguration.from_context(GOOD | {"limits": {"rooms_per_hour": 3}}).limits == LimitsConfiguration(
        rooms_per_hour=3
    )


def test_mail_may_come_from_an_address_and_push_may_be_left_out() -> None:
    address = {"identity": "notices@example.com", "sender": "notices@example.com"}
    configuration = ChatConfiguration.from_context(GOOD | {"notices": address})
    assert configuration.notices is not None
    assert configuration.notices.platform_applications == {}
    assert configuration.notices.web_push
    assert configuration.notices.push_services == PUSH_SERVICES
    assert ChatConfiguration.from_context(GOOD).notices is None


def test_codes_come_from_the_sender_of_notices_or_from_one_of_their_own() -> None:
    assert ChatConfiguration.from_context(GOOD).sender_of_codes is None
    noticed = ChatConfiguration.from_context(GOOD | {"notices": NOTICES}).sender_of_codes
    assert noticed is not None
    assert (noticed.name, noticed.address, noticed.identity) == ("Chat", "notices@example.com", "example.com")
    # SES lets a verified domain send for the domains below it; Cognito does not.
    own = {"identity": "example.com", "sender": "codes@example.com"}
    below = noticing(sender="notices@mail.example.com") | {"sign_in_email": own}
    chosen = ChatConfiguration.from_context(below).sender_of_codes
    assert chosen is not None
    assert (chosen.name, chosen.address) == (None, "codes@example.com")


def test_sign_ins_are_limited_unless_told_otherwise() -> None:
    assert ChatConfiguration.from_context(GOOD).sign_in_rate_limit == 1000
    assert ChatConfiguration.from_context(GOOD | {"max_delivery_lag": None}).max_delivery_lag is None
    assert ChatConfiguration.from_context(GOOD | {"sign_in_rate_limit": None}).sign_in_rate_limit is None


def test_the_web_clients_own_origin_is_allowed_without_being_listed() -> None:
    configuration = ChatConfiguration.from_context(NAMED)
    assert configuration.origins == ("https://chat.example.com", "https://talk.example.com")
    assert ChatConfiguration.from_context(GOOD).origins == ("https://chat.example.com",)


def test_a_zone_for_the_web_name_alone_needs_no_routing() -> None:
    zone = {"hosted_zone_id": "Z0123456789EXAMPLE", "hosted_zone_name": "example.com"}
    assert ChatConfiguration.from_context(NAMED | zone).hosted_zone_name == "example.com"


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("{", "context key 'chat' is '{', which is not JSON"),
        ([], "chat: the value is []"),
        (
            GOOD | {"regions": ["ap-norteast-1"]},
            "'ap-norteast-1', which is no Region of the partition 'aws'. Use a name such as 'ap-northeast-1'.",
        ),
        (
            GOOD | {"regions": ["cn-north-1"]},
            "chat: regions contains 'cn-north-1', which is no Region of the partition",
        ),
        (GOOD | {"regions": []}, "chat: regions is empty. Name at least one Region"),
        (
            GOOD | {"regions": ["us-west-2", "us-west-2"]},
            "chat: regions contains 'us-west-2' twice. Name every Region once.",
        ),
        (
            GOOD | {"retired_regions": ["us-west-2"]},
            "chat: retired_regions contains 'us-west-2' twice. Name every Region once.",
        ),
        (
            GOOD | {"allowed_origins": [], "notices": NOTICES},
            "chat: notices was given without web_domain_name and allowed_origins, to which its links lead. Give",
        ),
        (
            GOOD | {"allowed_origins": ["*"]},
            "chat: allowed_origins contains '*': wildcards would let every site in. Use full origins",
        ),
        (
            GOOD | {"latency_routing": True, "domain_name": None},
            'domain_name is None while latency_routing is true. Add "domain_name": "api.chat.example.com", or set',
        ),
        (without(ROUTED, "hosted_zone_id"), "chat: hosted_zone_id is None while latency_routing is true. Add"),
        (
            GOOD | {"domain_name": "api.chat.example.com"},
            "chat: domain_name is 'api.chat.example.com' while latency_routing is false. Leave domain_name out",
        ),
        (
            ROUTED | {"hosted_zone_name": "example.org"},
            "chat: hosted_zone_name is 'example.org', outside domain_name 'api.chat.example.com'. Use the zone",
        ),
        (
            GOOD | {"web_domain_name": "https://chat.example.com"},
            "chat: web_domain_name is 'https://chat.example.com'. Use a host name without scheme and path",
        ),
        (
            GOOD | {"web_domain_name": "chat.example.com"},
            "web_certificate_arn is missing while web_domain_name is 'chat.example.com', in no hosted zone that is",
        ),
        (
            GOOD | {"web_certificate_arn": CERTIFICATE},
            f"chat: web_certificate_arn is {CERTIFICATE!r} without web_domain_name. Name the client in",
        ),
        (
            NAMED | {"web_certificate_arn": CERTIFICATE.replace("us-east-1", "us-west-2")},
            "Use one of us-east-1, which CloudFront needs, such as",
        ),
        (
            GOOD | {"web_acl_arn": "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/chat/0a"},
            "chat: web_acl_arn is 'arn:aws:wafv2:us-west-2:123456789012:regional/webacl/chat/0a'. Use one of scope",
        ),
        (GOOD | {"latency_routing": "yes"}, "chat: latency_routing is 'yes'"),
        (
            GOOD | {"runbook_base_url": "wiki/runbooks"},
            "chat: runbook_base_url is 'wiki/runbooks'. Use an address such as https://wiki.example.com/runbooks",
        ),
        (GOOD | {"alarm_email": "ops"}, "chat: alarm_email is 'ops'. Use an address such as ops@example.com."),
        (noticing(identity="Example"), "chat: notices.identity is 'Example'. Use a domain or an address that SES"),
        (
            noticing(sender="Chat"),
            "chat: notices.sender is 'Chat'. Use an address, perhaps with a name: Chat <notices@",
        ),
        (
            noticing(sender="Chat <chat@example.org>"),
            "is 'Chat <chat@example.org>', which is not of the identity 'example.com'. Use an address such as notices@",
        ),
        (
            noticing(platform_applications={"us-west-2": {"sms": "arn"}}),
            "chat: notices.platform_applications.us-west-2.sms is of the platform 'sms'. Use one of apns, fcm.",
        ),
        (
            noticing(platform_applications={"ap-northeast-1": PUSH["us-west-2"]}),
            "us-west-2:123456789012:app/GCM/chat'. Use the ARN of an SNS platform application there, arn:aws:sns:ap-",
        ),
        (
            noticing(platform_applications={"eu-west-1": {"apns": "arn:aws:sns:eu-west-1:123456789012:app/APNS/chat"}}),
            "platform_applications contains 'eu-west-1', where the chat is not. Use ap-northeast-1, us-west-2, each",
        ),
        (
            noticing(push_services=["10.0.0.1"]),
            "chat: notices.push_services contains '10.0.0.1'. Use a host name such as fcm.googleapis.com, or *.push",
        ),
        (noticing(push_services=[]), "chat: notices.push_services is []. Name at least one host, or leave it out."),
        (noticing(web_push="yes"), "chat: notices.web_push is 'yes'"),
        (
            noticing(sender="Chat <chat@mail.example.com>"),
            "chat: notices.sender is 'Chat <chat@mail.example.com>', which cannot send codes for Cognito",
        ),
        (
            GOOD | {"sign_in_email": {"identity": "example.com", "sender": "chat@mail.example.com"}},
            "chat: sign_in_email.sender is 'chat@mail.example.com', which cannot send codes for Cognito",
        ),
        (
            GOOD | {"sign_in_email": {"identity": "Example", "sender": "chat@example.com"}},
            "chat: sign_in_email.identity is 'Example'. Use a domain or an address that SES",
        ),
        (GOOD | {"firewall": {"rate_limit": 9}}, "chat: firewall.rate_limit is 9 requests. Use 10 to 2,000,000,000"),
        (
            GOOD | {"firewall": {"allowed_countries": ["jp"]}},
            "chat: firewall.allowed_countries contains 'jp'. Use codes",
        ),
        (
            GOOD | {"firewall": {"allowed_countries": ["JP"], "blocked_countries": ["US"]}},
            "chat: firewall.blocked_countries was given together with allowed_countries. Give one of them",
        ),
        (GOOD | {"firewall": {"rate": 9}}, "context key 'chat' has 'firewall.rate', which nothing reads. Use 'fire"),
        (GOOD | {"max_delivery_lag": 4}, "chat: max_delivery_lag is 4 seconds. Use 5 to 60 seconds"),
        (GOOD | {"max_delivery_lag": 61}, "chat: max_delivery_lag is 61 seconds. Use 5 to 60 seconds"),
        (GOOD | {"sign_in_plan": "plus"}, "chat: sign_in_plan is 'plus'. Input should be 'essentials' or 'lite'."),
        (GOOD | {"typing_notices": "no"}, "chat: typing_notices is 'no'. Input should be a valid boolean."),
        (GOOD | {"sign_in_rate_limit": 9}, "chat: sign_in_rate_limit is 9 requests. Use 10 to 2,000,000,000 requests"),
        (GOOD | {"notices": {"identity": "example.com"}}, "context key 'chat' lacks 'notices.sender'. Add"),
        (
            noticing(from_address="x"),
            "context key 'chat' has 'notices.from_address', which nothing reads. Its keys are",
        ),
        (GOOD | {"limits": {"rooms_per_hour": 0}}, "chat: limits.rooms_per_hour is 0. Use 1 to 100,000."),
        (GOOD | {"limits": {"messages_per_minute": 100_001}}, "chat: limits.messages_per_minute is 100001. Use 1 to"),
        (GOOD | {"limits": {"messages_per_minute": "9"}}, "chat: limits.messages_per_minute is '9'"),
        (GOOD | {"limits": {"messages": 9}}, "context key 'chat' has 'limits.messages', which nothing reads"),
        (GOOD | {"region": []}, "context key 'chat' has 'region', which nothing reads. Use 'regions'."),
    ],
)
def test_a_mistake_names_key_value_and_fix(context: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ChatConfiguration.from_context(context)
    (line, *more) = [line for line in str(raised.value).splitlines() if message in line] or [str(raised.value)]
    assert (message in line, more) == (True, []), str(raised.value)


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        ChatConfiguration.from_context({"regions": ["nowhere"], "allowed_origins": ["*"]})
    assert [line.split()[1] for line in str(raised.value).splitlines()] == ["regions", "allowed_origins"]


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"chat": GOOD | {"regions": ["nowhere"]}}, "chat: regions contains 'nowhere', which is no Region of"),
        (
            {"chat": GOOD, "systems": ["chess"]},
            (
                "context key 'systems' is ['chess']. "
                "Use a list of 'chat', 'iot', 'dojo', 'services', 'mobile', 'serverless'."
            ),
        ),
    ],
)
def test_the_app_ends_with_the_line_and_without_a_stack_trace(context: dict[str, Any], message: str) -> None:
    # The CDK command line hands the context over in this variable.
    run = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith(message), run.stderr
    assert "Traceback" not in run.stderr


def test_a_clone_that_is_not_set_up_says_which_command_sets_it_up(tmp_path: Path) -> None:
    command = json.loads((ROOT / "cdk.json").read_text())["app"]
    assert command == "python3 app.py", "it needs nothing but a Python on the path"
    shutil.copy(ROOT / "app.py", tmp_path)
    # Without site-packages, as a Python that has no package of the project.
    run = subprocess.run(
        [sys.executable, "-S", "app.py"], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.rstrip().endswith("Run: make install")
    assert len(run.stderr.splitlines()) == 1


def test_a_clone_that_is_set_up_goes_on_with_its_own_python(tmp_path: Path) -> None:
    shutil.copy(ROOT / "app.py", tmp_path)
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text('#!/bin/sh\necho "own $*"\n')
    own.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-S", "app.py"],
        cwd=tmp_path,
        env={"PATH": "/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "own app.py\n", run.stderr
