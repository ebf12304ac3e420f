"""Route 53 answers queries from a place, by policy and health."""

import uuid
from collections import Counter
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud, LocalCloudError
from cdp_constructs.local.places import address_in


@pytest.fixture(scope="module")
def route53(cloud: LocalCloud) -> Any:
    return cloud.client("route53")


@pytest.fixture(scope="module")
def zone(route53: Any) -> str:
    made = route53.create_hosted_zone(Name="answers.test", CallerReference=uuid.uuid4().hex)
    return str(made["HostedZone"]["Id"])


def _check(route53: Any, **configuration: Any) -> str:
    made = route53.create_health_check(CallerReference=uuid.uuid4().hex, HealthCheckConfig=configuration)
    return str(made["HealthCheck"]["Id"])


@pytest.fixture(scope="module")
def up(route53: Any) -> str:
    return _check(route53, Type="CALCULATED", HealthThreshold=0, ChildHealthChecks=[])


@pytest.fixture(scope="module")
def down(route53: Any) -> str:
    return _check(route53, Type="CALCULATED", HealthThreshold=0, ChildHealthChecks=[], Inverted=True)


class Records:
    """Writes records of one name and asks for it."""

    def __init__(self, route53: Any, zone: str) -> None:
        self._route53, self._zone = route53, zone
        self.name = f"{uuid.uuid4().hex[:8]}.answers.test"

    def add(self, value: str | None = None, **record: Any) -> None:
        values = {"TTL": 60, "ResourceRecords": [{"Value": value}]} if value else {}
        full = {"Name": self.name, "Type": "A", **values, **record}
        if "SetIdentifier" not in full and any(name in full for name in ("Region", "Weight", "Failover")):
            full["SetIdentifier"] = value
        changes = [{"Action": "CREATE", "ResourceRecordSet": full}]
        self._route53.change_resource_record_sets(HostedZoneId=self._zone, ChangeBatch={"Changes": changes})

    def ask(self, place: str | None = None, record_type: str = "A", name: str = "") -> list[str]:
        where = {"EDNS0ClientSubnetIP": address_in(place)} if place else {}
        answer = self._route53.test_dns_answer(
            HostedZoneId=self._zone, RecordName=name or self.name, RecordType=record_type, **where
        )
        return list(answer["RecordData"])


@pytest.fixture
def records(route53: Any, zone: str) -> Records:
    return Records(route53, zone)


def test_a_simple_record_answers_everybody(records: Records) -> None:
    records.add("192.0.2.1")
    assert records.ask() == records.ask("ap-northeast-1") == ["192.0.2.1"]


def test_a_name_without_records_does_not_exist_and_one_of_another_type_is_empty(
    route53: Any, zone: str, records: Records
) -> None:
    records.add("192.0.2.1")
    query = {"HostedZoneId": zone, "RecordName": f"no.{records.name}", "RecordType": "A"}
    nothing = route53.test_dns_answer(**query)
    assert (nothing["ResponseCode"], nothing["RecordData"]) == ("NXDOMAIN", [])
    other = route53.test_dns_answer(**{**query, "RecordName": records.name, "RecordType": "AAAA"})
    assert (other["ResponseCode"], other["RecordData"]) == ("NOERROR", [])


def test_a_wildcard_stands_for_the_names_below_it(records: Records) -> None:
    parent = records.name
    records.add("192.0.2.9", Name=f"*.{parent}")
    assert records.ask(name=f"a.b.{parent}") == ["192.0.2.9"]
    assert records.ask(name=parent) == []


def test_latency_leads_to_the_nearest_region_that_is_healthy(records: Records, up: str, down: str) -> None:
    records.add("192.0.2.1", Region="ap-northeast-1", HealthCheckId=up)
    records.add("192.0.2.2", Region="us-west-2", HealthCheckId=up)
    records.add("192.0.2.3", Region="eu-west-1", HealthCheckId=down)
    assert records.ask("ap-northeast-3") == ["192.0.2.1"]
    assert records.ask("us-east-1") == ["192.0.2.2"]
    assert records.ask("eu-west-1") == ["192.0.2.2"], "the nearest Region fails"


def test_when_every_region_fails_each_counts_as_healthy(records: Records, down: str) -> None:
    records.add("192.0.2.1", Region="ap-northeast-1", HealthCheckId=down)
    records.add("192.0.2.2", Region="us-west-2", HealthCheckId=down)
    assert records.ask("ap-northeast-1") == ["192.0.2.1"]


def test_failover_answers_the_secondary_while_the_primary_fails(records: Records, down: str) -> None:
    records.add("192.0.2.1", Failover="PRIMARY", HealthCheckId=down)
    records.add("192.0.2.2", Failover="SECONDARY")
    assert records.ask() == ["192.0.2.2"]


def test_failover_answers_the_primary_while_it_works(records: Records, up: str) -> None:
    records.add("192.0.2.2", Failover="SECONDARY")
    records.add("192.0.2.1", Failover="PRIMARY", HealthCheckId=up)
    assert records.ask() == ["192.0.2.1"]


def test_weights_divide_the_answers_and_leave_out_who_fails(records: Records, up: str, down: str) -> None:
    records.add("192.0.2.1", Weight=3, HealthCheckId=up)
    records.add("192.0.2.2", Weight=1, HealthCheckId=up)
    records.add("192.0.2.3", Weight=200, HealthCheckId=down)
    records.add("192.0.2.4", Weight=0)
    seen = Counter(value for _ in range(200) for value in records.ask())
    assert set(seen) == {"192.0.2.1", "192.0.2.2"}
    assert seen["192.0.2.1"] > seen["192.0.2.2"]


def test_a_weight_of_zero_answers_when_nothing_else_is_healthy(records: Records, down: str) -> None:
    records.add("192.0.2.1", Weight=10, HealthCheckId=down)
    records.add("192.0.2.2", Weight=0)
    assert records.ask() == ["192.0.2.2"]


def test_several_values_are_those_that_are_healthy(records: Records, up: str, down: str) -> None:
    for number, check in ((1, up), (2, down), (3, up)):
        value = f"192.0.2.{number}"
        records.add(value, MultiValueAnswer=True, SetIdentifier=value, HealthCheckId=check)
    assert sorted(records.ask()) == ["192.0.2.1", "192.0.2.3"]


def test_geolocation_prefers_the_country_to_the_continent_to_the_rest(records: Records) -> None:
    for value, location in (
        ("192.0.2.1", {"CountryCode": "JP"}),
        ("192.0.2.2", {"ContinentCode": "AS"}),
        ("192.0.2.3", {"CountryCode": "*"}),
    ):
        records.add(value, GeoLocation=location, SetIdentifier=value)
    asked = [records.ask(place)[0] for place in ("ap-northeast-1", "ap-northeast-2", "eu-west-1")]
    assert asked == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_an_alias_of_the_zone_takes_over_the_health_of_its_target(
    route53: Any, zone: str, records: Records, down: str
) -> None:
    target = Records(route53, zone)
    target.add("192.0.2.1", HealthCheckId=down, Weight=1)
    zone_id = zone.rpartition("/")[2]
    alias = {"HostedZoneId": zone_id, "DNSName": target.name, "EvaluateTargetHealth": True}
    records.add(Failover="PRIMARY", SetIdentifier="alias", AliasTarget=alias)
    records.add("192.0.2.2", Failover="SECONDARY")
    assert records.ask() == ["192.0.2.2"]


def test_an_alias_of_a_resource_answers_one_made_up_address_of_its_own(records: Records) -> None:
    def alias(name: str) -> dict[str, Any]:
        return {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": name, "EvaluateTargetHealth": False}

    for record_type in ("A", "AAAA"):
        records.add(Type=record_type, AliasTarget=alias("d1.cloudfront.net"))
    [four], [six] = records.ask(), records.ask(record_type="AAAA")
    assert four.startswith("198.19.")
    assert six.startswith("2001:db8:")


def test_a_name_leads_to_the_load_balancer_of_the_nearest_region(cloud: LocalCloud, records: Records) -> None:
    places = ("us-east-1", "ap-northeast-1")
    for region in places:
        elbv2 = cloud.client("elbv2", region)
        name = f"near-{region}"
        [made] = elbv2.create_load_balancer(Name=name, Subnets=["subnet-1", "subnet-2"])["LoadBalancers"]
        says = {"StatusCode": "200", "MessageBody": region, "ContentType": "text/plain"}
        elbv2.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": says}],
        )
        alias = {
            "HostedZoneId": made["CanonicalHostedZoneId"],
            "DNSName": f"dualstack.{made['DNSName']}",
            "EvaluateTargetHealth": True,
        }
        records.add(Region=region, SetIdentifier=region, AliasTarget=alias)
    for region in places:
        found = cloud.resolve(records.name, region)
        assert found.target.split(".")[-4] == region
        assert httpx.get(found.url).text == region


def test_a_calculated_check_counts_its_children(route53: Any, records: Records, up: str, down: str) -> None:
    enough = _check(route53, Type="CALCULATED", HealthThreshold=1, ChildHealthChecks=[up, down])
    short = _check(route53, Type="CALCULATED", HealthThreshold=2, ChildHealthChecks=[up, down])
    records.add("192.0.2.1", Region="eu-west-1", HealthCheckId=short)
    records.add("192.0.2.2", Region="ap-northeast-1", HealthCheckId=enough)
    assert records.ask("eu-west-1") == ["192.0.2.2"]


def test_a_check_follows_its_alarm(cloud: LocalCloud, route53: Any, records: Records) -> None:
    cloudwatch = cloud.client("cloudwatch", "us-west-2")
    name = uuid.uuid4().hex
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Test",
        MetricName="Failures",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    check = _check(
        route53,
        Type="CLOUDWATCH_METRIC",
        AlarmIdentifier={"Name": name, "Region": "us-west-2"},
        InsufficientDataHealthStatus="Healthy",
    )
    records.add("192.0.2.1", Failover="PRIMARY", HealthCheckId=check)
    records.add("192.0.2.2", Failover="SECONDARY")
    assert records.ask() == ["192.0.2.1"]
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    assert records.ask() == ["192.0.2.2"]


def test_refuses_a_zone_an_address_and_a_check_that_do_not_exist(route53: Any, zone: str) -> None:
    with pytest.raises(ClientError, match="NoSuchHostedZone"):
        route53.test_dns_answer(HostedZoneId="ZNONE", RecordName="a.test", RecordType="A")
    with pytest.raises(ClientError, match="no IP address"):
        route53.test_dns_answer(HostedZoneId=zone, RecordName="answers.test", RecordType="A", ResolverIP="here")
    with pytest.raises(ClientError, match="NoSuchHealthCheck"):
        route53.get_health_check_status(HealthCheckId=str(uuid.uuid4()))


def test_a_resolver_names_what_it_cannot_find(cloud: LocalCloud, zone: str) -> None:
    assert zone
    with pytest.raises(LocalCloudError, match="place is 'tokyo'"):
        cloud.resolve("answers.test", place="tokyo")
    with pytest.raises(LocalCloudError, match=r"no public hosted zone holds nowhere\.example"):
        cloud.resolve("nowhere.example")
    with pytest.raises(LocalCloudError, match="has no A record"):
        cloud.resolve("none.answers.test")
