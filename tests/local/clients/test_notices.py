"""Mail and mobile push: what was sent can be read, what AWS refuses is refused, and SES says what became of a mail."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

REGION = "eu-west-1"
SENDER = "Shop <notices@example.com>"


def _role(*statements: dict[str, Any]) -> dict[str, Any]:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
        "Action": "sts:AssumeRole",
    }
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement} for statement in statements]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "All", "PolicyDocument": policy}],
        },
    }


def _arn(text: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:aws:{text}"}


TEMPLATE = {
    "Resources": {
        "Identity": {"Type": "AWS::SES::EmailIdentity", "Properties": {"EmailIdentity": "example.com"}},
        "Set": {"Type": "AWS::SES::ConfigurationSet", "Properties": {}},
        "Destination": {
            "Type": "AWS::SES::ConfigurationSetEventDestination",
            "Properties": {
                "ConfigurationSetName": {"Ref": "Set"},
                "EventDestination": {
                    "Enabled": True,
                    "MatchingEventTypes": ["bounce", "complaint"],
                    "EventBridgeDestination": {
                        "EventBusArn": _arn("events:${AWS::Region}:${AWS::AccountId}:event-bus/default")
                    },
                },
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {
                    "source": ["aws.ses"],
                    "detail": {"mail": {"tags": {"ses:configuration-set": [{"Ref": "Set"}]}}},
                },
                "Targets": [{"Id": "Queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                        }
                    ],
                },
            },
        },
        "Mailer": _role(
            {
                "Action": "ses:SendEmail",
                "Resource": _arn("ses:${AWS::Region}:${AWS::AccountId}:identity/example.com"),
            }
        ),
        "Pusher": _role(
            {
                "Action": ["sns:CreatePlatformEndpoint", "sns:SetEndpointAttributes", "sns:Publish"],
                "Resource": [
                    _arn("sns:${AWS::Region}:${AWS::AccountId}:app/GCM/mine"),
                    _arn("sns:${AWS::Region}:${AWS::AccountId}:endpoint/GCM/mine/*"),
                ],
            }
        ),
    },
    "Outputs": {
        "Set": {"Value": {"Ref": "Set"}},
        "Queue": {"Value": {"Ref": "Queue"}},
        "Mailer": {"Value": {"Fn::GetAtt": ["Mailer", "Arn"]}},
        "Pusher": {"Value": {"Fn::GetAtt": ["Pusher", "Arn"]}},
    },
}


@pytest.fixture(scope="module")
def office(cloud: LocalCloud, stacks: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(TEMPLATE, region=REGION)
    cloud.client("sesv2", REGION).put_account_details(
        ProductionAccessEnabled=True, MailType="TRANSACTIONAL", WebsiteURL="https://example.com"
    )
    return outputs


def client_as(cloud: LocalCloud, role: str, service: str) -> Any:
    credentials = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return cloud.client(service, REGION, credentials)


def send(client: Any, to: str, configuration_set: str, sender: str = SENDER) -> str:
    answer = client.send_email(
        FromEmailAddress=sender,
        Destination={"ToAddresses": [to]},
        ConfigurationSetName=configuration_set,
        Content={
            "Simple": {
                "Subject": {"Data": "ご注文"},
                "Body": {"Text": {"Data": "text"}, "Html": {"Data": "<p>html</p>"}},
                "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/stop>"}],
            }
        },
    )
    return str(answer["MessageId"])


def test_sent_mail_can_be_read_with_its_headers(cloud: LocalCloud, office: dict[str, str]) -> None:
    identifier = send(client_as(cloud, office["Mailer"], "sesv2"), "ann@example.org", office["Set"])
    (mail,) = (mail for mail in cloud.sent_mails(REGION) if mail.id == identifier)
    assert (mail.sender, mail.to, mail.subject) == (SENDER, ["ann@example.org"], "ご注文")
    assert (mail.text, mail.html, mail.configuration_set) == ("text", "<p>html</p>", office["Set"])
    assert mail.headers == {"List-Unsubscribe": "<https://example.com/stop>"}
    assert identifier not in {mail.id for mail in cloud.sent_mails("us-east-1")}


@pytest.mark.parametrize(
    ("address", "kind", "recipients"),
    [
        ("bounce@simulator.amazonses.com", "Bounce", "bouncedRecipients"),
        ("complaint+ann@simulator.amazonses.com", "Complaint", "complainedRecipients"),
    ],
)
def test_mailbox_simulator_answers_by_events(
    cloud: LocalCloud,
    office: dict[str, str],
    eventually: Callable[..., Any],
    *,
    address: str,
    kind: str,
    recipients: str,
) -> None:
    client, sqs = cloud.client("sesv2", REGION), cloud.client("sqs", REGION)
    send(client, "success@simulator.amazonses.com", office["Set"])  # deliveries are not asked for
    identifier = send(client, address, office["Set"])
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=office["Queue"]).get("Messages"))
    sqs.delete_message(QueueUrl=office["Queue"], ReceiptHandle=message["ReceiptHandle"])
    detail = json.loads(message["Body"])["detail"]
    assert (detail["eventType"], detail["mail"]["messageId"]) == (kind, identifier)
    assert detail[kind.lower()][recipients][0]["emailAddress"] == address


def test_mail_of_another_identity_or_set_is_refused(cloud: LocalCloud, office: dict[str, str]) -> None:
    mailer = client_as(cloud, office["Mailer"], "sesv2")
    with pytest.raises(ClientError, match="AccessDenied"):
        send(mailer, "ann@example.org", office["Set"], sender="x@other.example")
    with pytest.raises(ClientError, match="Configuration set <none> does not exist"):
        send(mailer, "ann@example.org", "none")


def test_injected_fault_meets_mail(cloud: LocalCloud, office: dict[str, str]) -> None:
    client = cloud.client("sesv2", REGION)
    with (
        cloud.inject_fault("sesv2", REGION, operation="SendEmail", error="TooManyRequestsException", status=429),
        pytest.raises(client.exceptions.TooManyRequestsException),
    ):
        send(client, "ann@example.org", office["Set"])
    send(client, "ann@example.org", office["Set"])


def test_push_can_be_read_and_a_disabled_endpoint_refuses(cloud: LocalCloud, office: dict[str, str]) -> None:
    root = cloud.client("sns", REGION)
    applications = {
        name: root.create_platform_application(Name=name, Platform="GCM", Attributes={"PlatformCredential": "x"})
        for name in ("mine", "theirs")
    }
    mine, theirs = (application["PlatformApplicationArn"] for application in applications.values())
    pusher = client_as(cloud, office["Pusher"], "sns")
    with pytest.raises(ClientError, match="AuthorizationError"):
        pusher.create_platform_endpoint(PlatformApplicationArn=theirs, Token="t")
    endpoint = pusher.create_platform_endpoint(PlatformApplicationArn=mine, Token="t")["EndpointArn"]
    assert endpoint.startswith(f"{mine.replace(':app/', ':endpoint/')}/")
    assert pusher.create_platform_endpoint(PlatformApplicationArn=mine, Token="t")["EndpointArn"] == endpoint

    def publish() -> None:
        message = json.dumps({"default": "other", "GCM": "mine"})
        pusher.publish(TargetArn=endpoint, MessageStructure="json", Message=message)

    publish()
    assert [push.message for push in cloud.pushes(REGION) if push.endpoint == endpoint] == ["mine"]
    pusher.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    with pytest.raises(root.exceptions.EndpointDisabledException):
        publish()
    pusher.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "true"})
    root.set_platform_application_attributes(PlatformApplicationArn=mine, Attributes={"Enabled": "false"})
    with pytest.raises(root.exceptions.PlatformApplicationDisabledException):
        publish()
    root.delete_endpoint(EndpointArn=endpoint)
    with pytest.raises(ClientError, match="No endpoint found"):
        publish()
