"""The judge on templates that are small enough to be judged by hand."""

from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.judge.brief import Brief, BriefError, Wish, read_brief
from cdp_constructs.judge.graph import Graph
from cdp_constructs.judge.judgement import judge
from cdp_constructs.judge.losses import Outcome, outcomes, spread
from cdp_constructs.judge.places import CITIES, REGIONS, round_trip_ms
from cdp_constructs.judge.reports import as_markdown, as_text
from cdp_constructs.review.templates import Template

INFINITE = float("inf")


def server(*, count: int = 2, subnets: int = 2, **database: Any) -> dict[str, Any]:
    """A balancer, a service behind it, and a database."""
    zones = [f"subnet-{number}" for number in range(subnets)]
    group = {"Fn::GetAtt": ["TasksGroup", "GroupId"]}
    return {
        "Front": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Subnets": zones, "Scheme": "internet-facing"},
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Front"},
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}],
            },
        },
        "Targets": {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {"HealthCheckIntervalSeconds": 10, "UnhealthyThresholdCount": 2, "HealthyThresholdCount": 2},
        },
        "TasksGroup": {"Type": "AWS::EC2::SecurityGroup", "Properties": {}},
        "DataGroup": {"Type": "AWS::EC2::SecurityGroup", "Properties": {}},
        "Allowed": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": {"Fn::GetAtt": ["DataGroup", "GroupId"]},
                "SourceSecurityGroupId": group,
                "FromPort": 5432,
                "ToPort": 5432,
            },
        },
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "256", "Memory": "512"}},
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "DesiredCount": count,
                "TaskDefinition": {"Ref": "Task"},
                "LoadBalancers": [{"TargetGroupArn": {"Ref": "Targets"}, "ContainerPort": 80}],
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": zones, "SecurityGroups": [group]}},
            },
        },
        "Data": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "DBInstanceClass": "db.t4g.micro",
                "VPCSecurityGroups": [{"Fn::GetAtt": ["DataGroup", "GroupId"]}],
                **database,
            },
        },
    }


def template(resources: dict[str, Any], *, name: str = "Shop", region: str = "eu-west-1") -> Template:
    return Template(name, {"Resources": resources}, region=region)


BUY = Wish("buy", ["Shop/Front"], ["Shop/Data"])


def stops(resources: dict[str, Any]) -> dict[str, float]:
    _, found = outcomes(Graph([template(resources)]), BUY)
    return {outcome.loss: outcome.seconds for outcome in found}


def test_the_way_leads_by_balancer_and_service_to_the_database() -> None:
    [judged] = judge([template(server())], Brief(wishes=[BUY])).wishes
    assert judged.way == ["Shop/Front", "Shop/Service", "Shop/Data"]


def test_a_database_alone_is_made_anew_and_its_zone_is_waited_for() -> None:
    assert stops(server()) == {"instance": 600, "zone": INFINITE, "Region": INFINITE}


def test_a_standby_takes_over() -> None:
    assert stops(server(MultiAZ=True)) == {"instance": 120, "zone": 120, "Region": INFINITE}


def test_one_task_is_made_anew_after_its_health_checks() -> None:
    # 60 s to start, and two checks of 10 s that fail and two that pass.
    assert stops(server(count=1, MultiAZ=True))["instance"] == 120
    assert spread(Graph([template(server(count=1))]).parts["Shop/Service"]).made_anew == 100


def test_tasks_in_one_zone_stop_with_it() -> None:
    found = stops(server(subnets=1, MultiAZ=True))
    assert (found["instance"], found["zone"]) == (120, INFINITE)


def queue(stack: str, region: str) -> list[Template]:
    """An API that writes to a queue, behind one name of DNS."""
    resources = {
        "Record": {
            "Type": "AWS::Route53::RecordSet",
            "Properties": {
                "Name": "shop.example.com.",
                "Type": "A",
                "Region": region,
                "HealthCheckId": {"Ref": "Check"},
                "AliasTarget": {"DNSName": {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}},
            },
        },
        "Check": {
            "Type": "AWS::Route53::HealthCheck",
            "Properties": {"HealthCheckConfig": {"FailureThreshold": 2, "RequestInterval": 10}},
        },
        "Domain": {"Type": "AWS::ApiGatewayV2::DomainName", "Properties": {"DomainName": "shop.example.com"}},
        "Mapping": {
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "Properties": {"DomainName": {"Ref": "Domain"}, "ApiId": {"Ref": "Api"}},
        },
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {}},
        "Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {"ApiId": {"Ref": "Api"}, "IntegrationUri": {"Ref": "Queue"}},
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
    }
    return [template(resources, name=stack, region=region)]


def test_another_region_answers_after_its_health_checks_and_dns() -> None:
    wish = Wish("buy", ["shop.example.com"], ["East/Queue", "West/Queue"])
    both = Graph([*queue("East", "us-east-1"), *queue("West", "us-west-2")])
    way, found = outcomes(both, wish)
    assert way[0] == "shop.example.com"
    assert {one.loss: one.seconds for one in found} == {"instance": 0, "zone": 0, "Region": 80}


def test_a_region_that_has_the_only_store_cannot_be_lost() -> None:
    both = Graph([*queue("East", "us-east-1"), *queue("West", "us-west-2")])
    _, found = outcomes(both, Wish("buy", ["shop.example.com"], ["East/Queue"]))
    assert found[-1].seconds == INFINITE
    assert "no way without us-east-1" in found[-1].why


def test_a_measurement_that_contradicts_the_template_is_told() -> None:
    wish = Wish("buy", ["Shop/Front"], ["Shop/Data"], {"instance": 0.0, "zone": 3.0})
    text = as_text(judge([template(server())], Brief(wishes=[wish])))
    assert "stops 600 s: Shop/Data (there is one)   measured not at all; one of both is wrong" in text
    assert "goal NOT kept; measured 3 s; one of both is wrong" in text


@pytest.mark.parametrize(
    ("found", "measured", "differs"),
    [
        (0, 0.9, False),
        (0, 1.0, True),
        (60, 0.9, True),
        (60, 60, False),
        (60, 60.1, True),
        (60, INFINITE, True),
        (INFINITE, 60, True),
        (INFINITE, INFINITE, False),
        (60, None, False),
    ],
)
def test_what_was_measured_contradicts_another_kind_and_less_time(
    found: float, measured: float | None, *, differs: bool
) -> None:
    assert Outcome("buy", "zone", "", found, "", measured).differs == differs


def test_distances_are_symmetric_and_light_takes_its_time() -> None:
    tokyo, oregon = CITIES["Tokyo"], REGIONS["us-west-2"]
    assert round_trip_ms(tokyo, tokyo) == 0
    assert round_trip_ms(tokyo, oregon) == pytest.approx(round_trip_ms(oregon, tokyo))
    # 7,800 km, there and back, at 200 km/ms, times 1.5.
    assert round_trip_ms(tokyo, oregon) == pytest.approx(117, abs=3)


def test_data_beyond_the_region_that_answers_is_further_away() -> None:
    wish = Wish("buy", ["shop.example.com"], ["East/Queue"])
    found = judge([*queue("East", "us-east-1"), *queue("West", "us-west-2")], Brief(wishes=[wish]))
    assert {one.entry for one in found.distances} == {"us-east-1"}


def test_a_region_that_answers_from_data_in_another_one_is_near_and_its_data_is_not() -> None:
    east, west = queue("East", "us-east-1"), queue("West", "us-west-2")
    east[0].body["Resources"]["Queue"]["Metadata"] = {"aws:cdk:path": "East/Data/Queue/Resource"}
    name = {"StackName": "East", "Region": "us-east-1", "OutputName": "PublishOutputRefDataQueue0123ABCD"}
    west[0].body["Resources"]["Integration"]["Properties"]["IntegrationUri"] = {"Fn::GetStackOutput": name}
    found = judge([*east, *west], Brief(wishes=[Wish("buy", ["shop.example.com"], ["East/Data"])])).distances
    assert {one.entry for one in found} == {"us-east-1", "us-west-2"}
    across = round_trip_ms(REGIONS["us-west-2"], REGIONS["us-east-1"])
    for one in found:
        assert one.to_data - one.to_entry == pytest.approx(across if one.entry == "us-west-2" else 0)


def test_costs_grow_with_people_and_are_at_rest_without_any() -> None:
    found = judge([template(server())], Brief(wishes=[BUY]))
    sizes = list(found.growth.values())
    assert sizes == sorted(sizes)
    nobody = judge([template(server())], Brief(people=0, wishes=[BUY]))
    assert sum(nobody.cost.values()) == pytest.approx(nobody.at_rest)
    assert nobody.at_rest > 20


def test_tasks_that_cannot_be_more_are_the_first_limit() -> None:
    found = judge([template(server())], Brief(wishes=[BUY]))
    first = found.quotas[0]
    assert first.name == "Shop/Service: tasks at most"
    # 1,041.7 requests/s need 10.4 tasks of 100; there are two, of which a fifth stays free.
    assert first.reached_at(1_000_000) == pytest.approx(153_600)


def test_without_a_brief_there_are_facts_only_and_it_says_so() -> None:
    found = judge([template(server(count=1))])
    text = as_text(found)
    assert text.startswith("No brief was given")
    assert "  Shop/Data: one instance" in text
    assert "  Shop/Service: one instance" in text
    assert "quotas" not in text


def test_both_formats_say_the_same() -> None:
    found = judge([template(server())], Brief(name="the shop", wishes=[BUY]))
    page = as_markdown(found)
    assert "| buy | zone | until somebody acts |  | **not kept** | `Shop/Data`: it is in one zone |" in page
    for one in found.distances:
        assert f"| {one.city} |" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("people = ", "is no TOML"),
        ("people = -1", "people is -1. Give a number that is not negative"),
        ("people = true", "people is True"),
        ("people = inf", "people is inf"),
        ("name = 3", "name is 3. Give a text"),
        ("persons = 3", "'persons' is not known. There are "),
        ("cities = 3", "cities is 3. Write a table"),
        ("[cities]\nAtlantis = 1", "there is no city 'Atlantis'. There are Tokyo"),
        ("[cities]\nTokyo = 0", "nobody is in any of the cities"),
        ("[wishes]\nbuy = 3", "wishes.buy is 3"),
        ('[wishes.buy]\nstore = "a"', "wishes.buy.entry is None"),
        ('[wishes.buy]\nentry = []\nstore = "a"', "wishes.buy.entry is []"),
        ('[wishes.buy]\nentry = "a"\nstore = "b"\nspeed = 1', "wishes.buy.speed is not known"),
        ('[wishes.buy]\nentry = "a"\nstore = "b"\nmeasured = {continent = 1}', "wishes.buy.measured is"),
        ('[wishes.buy]\nentry = "a"\nstore = "b"\nmeasured = {zone = "x"}', "wishes.buy.measured.zone is 'x'"),
    ],
)
def test_a_bad_brief_is_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "brief.toml"
    file.write_text(text)
    with pytest.raises(BriefError) as refused:
        read_brief(file)
    assert said in str(refused.value)


def test_a_brief_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BriefError, match=r"No such file"):
        read_brief(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BriefError, match=r"is no TOML"):
        read_brief(tmp_path / "bytes.toml")


def test_a_wish_for_what_is_not_there_is_refused_with_similar_names() -> None:
    with pytest.raises(
        BriefError, match=r"wishes.buy.entry: there is nothing at 'Shop/front'. Similar ones: Shop/Front"
    ):
        judge([template(server())], Brief(wishes=[Wish("buy", ["Shop/front"], ["Shop/Data"])]))
    with pytest.raises(BriefError, match=r"no way leads from Shop/Data to Shop/Front"):
        judge([template(server())], Brief(wishes=[Wish("buy", ["Shop/Data"], ["Shop/Front"])]))


def test_what_is_known_at_deployment_only_counts_as_not_said() -> None:
    resources = server()
    resources["Service"]["Properties"]["DesiredCount"] = {"Ref": "Count"}
    resources["Task"]["Properties"] |= {"Cpu": {"Ref": "Size"}, "Memory": {"Ref": "Size"}}
    found = judge([template(resources)], Brief(wishes=[BUY]))
    assert found.quotas[0].default == 1
    assert found.graph.parts["Shop/Service"] in found.parts
    assert "all" in as_text(found)
