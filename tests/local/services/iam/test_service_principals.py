"""Service principals: those that the CDK and AWS's documentation write are known, and misspelt ones are not."""

import pytest

from cdp_constructs.local.services.iam.service_principals import unknown_principals

# Of keys for DNSSEC, of a Region, of a part of a service, of a partition, and of services that the SDK names otherwise.
KNOWN = [
    *("dnssec-route53.amazonaws.com", "logs.eu-west-1.amazonaws.com", "delivery.logs.amazonaws.com"),
    *("lambda.alarms.cloudwatch.amazonaws.com", "dynamodb.application-autoscaling.amazonaws.com"),
    *("ec2.amazonaws.com.cn", "spot.amazonaws.com", "lexv2.amazonaws.com", "vpc-flow-logs.amazonaws.com"),
]


def found(name: str) -> list[str]:
    return list(unknown_principals({"Statement": {"Principal": {"Service": name}}}))


@pytest.mark.parametrize("name", KNOWN)
def test_a_service_is_known_by_its_principal(name: str) -> None:
    assert found(name) == []


@pytest.mark.parametrize("name", ["lamda.amazonaws.com", "lambda", "lambda.example.com", "dnsec-route53.amazonaws.com"])
def test_what_no_service_has_is_not(name: str) -> None:
    assert found(name) == [name]
