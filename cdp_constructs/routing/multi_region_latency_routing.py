"""MultiRegionLatencyRouting: latency records of APIs or load balancers under one name, each with a health check."""

import re
from dataclasses import dataclass
from typing import cast

from aws_cdk import CrossStackReferences, Duration, ReferenceStrength, Tags, Token
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import cloudwatch, elasticloadbalancingv2, sns
from cdp_constructs.core.hosted_zones import check_name_in_zone
from cdp_constructs.core.meanings import note_zone
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.places import Allowed, concrete_region, elsewhere
from cdp_constructs.core.validation import (
    InvalidOptionError,
    check_exclusive,
    check_one_of,
    check_range,
)

# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html
_METRICS_REGION = "us-east-1"
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
_LIMITS = "Route 53 API reference, HealthCheckConfig"
_LONGEST_PATH = 255
_INTERVALS_MS = (10_000, 30_000)


@dataclass(frozen=True)
class _Target:
    """Where the records lead."""

    checked_host: str
    dns_name: str
    zone_id: str
    needed: Construct | None
    """What has to be there before anybody is led to it."""


@checks_options
class MultiRegionLatencyRouting(Construct):
    """One Region's half of a common name: latency records that lead to its API or load balancer, and a health check.

    CDP: Latency-based Routing / レイテンシーベースルーティング パターン, with Deep Health Check.

    One of these goes into each regional stack, which must name its Region. Route 53 answers with the Region that is
    nearest by latency among those whose health check passes; a Region without health is left after 155 s by default.

        health = DeepHealthCheck(self, "Health", api=api)
        routing = MultiRegionLatencyRouting(self, "Routing", zone=zone, domain_name="chat.example.com", api=api)
        routing.add_alarm(virginia_stack, "TokyoUnhealthy", alarm_topic=operators)

    Args:
        scope: A construct in the Region's stack.
        construct_id: Id inside ``scope``.
        zone: The public hosted zone that holds ``domain_name``, of this app or from ``from_hosted_zone_attributes``
            (a zone known by its id only has no name to compare with).
        domain_name: The name users call, such as ``chat.example.com``; the same in every Region.
        api: The Region's HTTP API, served from its default stage. Its ``execute-api`` endpoint stays enabled: the
            health check uses it. Default: none, with ``load_balancer``.
        load_balancer: The Region's Application Load Balancer instead of an API: facing the internet, with an HTTPS
            listener whose certificate is for ``domain_name``. An imported one needs its DNS name and hosted zone id.
            Default: none, with ``api``.
        certificate: An existing certificate of this Region for ``domain_name``, for an API; a load balancer has its
            own. By default one is made and validated by DNS records in ``zone``; ACM asks for the same record in each
            Region, so the stacks do not disturb each other.
        health_check_path: What the health check gets, at most 255 characters; 2xx or 3xx within 2 s is healthy. The
            default is the path of ``DeepHealthCheck``.
        request_interval: 10 or 30 seconds between two requests of one checker (there are 15 or more); 10 costs extra.
            Changing it replaces the health check. Default: 30 seconds.
        failure_threshold: 1 to 10 checks in a row that must fail, or pass again; 3 by default.

    Raises:
        InvalidOptionError: when the stack names no Region, the name is not in the zone, neither or both of API and
            load balancer are given, one of them or the certificate is in another Region, the API's own endpoint is
            disabled, or a number is outside of Route 53's limits
            (https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html).
    """

    region: str
    """The stack's Region, the set identifier of the records."""
    zone: route53.IHostedZone
    """The zone of the records."""
    domain_name: str
    """The name users call."""
    api: apigatewayv2.IHttpApi | None
    """The Region's API; None with a load balancer."""
    load_balancer: "elasticloadbalancingv2.IApplicationLoadBalancer | None"
    """The Region's load balancer; None with an API."""
    certificate: acm.ICertificate | None
    """The certificate of the custom domain; None with a load balancer."""
    custom_domain: apigatewayv2.DomainName | None
    """The regional custom domain; None with a load balancer."""
    health_check: route53.HealthCheck
    """Guards both records."""
    records: tuple[route53.CfnRecordSet, ...]
    """The A and the AAAA record."""

    @elsewhere(
        api="Give the API of the stack's Region: each Region routes to its own",
        load_balancer="Give the load balancer of the stack's Region: each Region routes to its own",
        certificate="Give one of the stack's Region: API Gateway takes certificates of its own Region",
    )
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        zone: route53.IHostedZone,
        domain_name: str,
        api: apigatewayv2.IHttpApi | None = None,
        load_balancer: "elasticloadbalancingv2.IApplicationLoadBalancer | None" = None,
        certificate: acm.ICertificate | None = None,
        health_check_path: str = "/health/deep",
        request_interval: Duration | None = None,
        failure_threshold: int = 3,
    ) -> None:
        super().__init__(scope, construct_id)
        self.region = concrete_region(self)
        self._alarms: list[cloudwatch.Alarm] = []
        self.zone = zone
        self.domain_name = domain_name
        self.api, self.load_balancer = api, load_balancer
        check_one_of(
            self, {"api": api, "load_balancer": load_balancer}, fix="Give the Region's api, or its load_balancer"
        )
        check_exclusive(self, {"load_balancer": load_balancer}, {"certificate": certificate})
        interval = request_interval or seconds(30)
        note_zone(self, zone)
        check_name_in_zone(self, "domain_name", domain_name, zone)
        self._check_health(health_check_path, interval, failure_threshold)
        self.certificate, self.custom_domain = None, None
        if api is not None:
            target = self._serve(api, certificate)
        else:
            balancer = cast("elasticloadbalancingv2.IApplicationLoadBalancer", load_balancer)  # one of the two is given
            target = self._target_of(balancer)
        # Checkers in every Region that Route 53 has them in, its default: a network problem of a few is then no outage.
        self.health_check = route53.HealthCheck(
            self,
            "HealthCheck",
            type=route53.HealthCheckType.HTTPS,
            fqdn=target.checked_host,
            port=443,
            resource_path=health_check_path,
            request_interval=interval,
            failure_threshold=failure_threshold,
        )
        # The console lists health checks of all Regions by this tag, and by nothing else that a person could read.
        Tags.of(self.health_check).add("Name", f"{domain_name} {self.region}")
        self.records = tuple(self._add_record(record_type, target) for record_type in ("A", "AAAA"))

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms that ``add_alarm`` made, in stacks of us-east-1."""
        return list(self._alarms)

    def metric_health_status(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Whether Route 53 sends users here: 1 healthy, 0 not. Minimum per minute by default; only in us-east-1."""
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="AWS/Route53",
            metric_name="HealthCheckStatus",
            dimensions_map={"HealthCheckId": self.health_check.health_check_id},
            statistic="Minimum",
            period=period or minute(),
            region=_METRICS_REGION,
        )

    @elsewhere(alarm_topic=Allowed.ANYWHERE)  # checked below, with the reason
    def add_alarm(self, scope: Construct, construct_id: str, *, alarm_topic: "sns.ITopic") -> "cloudwatch.Alarm":
        """Add an alarm for the minute in which Route 53 takes the Region out, to a stack in us-east-1.

        Health-check metrics are published in us-east-1 only, and an alarm sees the metrics of its own Region only:
        in the Region's stack it would never go off. The alarm's stack reads the health check's id as an output
        of the Region's stack (a weak reference), so either stack can be deleted first.

        Args:
            scope: A construct in a stack whose Region is us-east-1.
            construct_id: Id of the alarm inside ``scope``.
            alarm_topic: A topic in us-east-1.

        Raises:
            InvalidOptionError: when ``scope`` or the topic is in another Region.
        """
        why = f"is in {{}}, but Route 53 publishes health-check metrics in {_METRICS_REGION} only"
        if (region := concrete_region(scope)) != _METRICS_REGION:
            fix = f'Pass a stack with env=cdk.Environment(region="{_METRICS_REGION}")'
            raise InvalidOptionError(self, "scope", why.format(region), fix)
        topic_region = alarm_topic.env.region
        if not Token.is_unresolved(topic_region) and topic_region != _METRICS_REGION:
            fix = f"Pass a topic of {_METRICS_REGION}; it can forward to other Regions"
            raise InvalidOptionError(self, "alarm_topic", why.format(topic_region), fix)
        CrossStackReferences.of(self.health_check).produce(ReferenceStrength.WEAK)
        from aws_cdk import aws_cloudwatch as cloudwatch

        alarm = add_alarm(
            scope,
            construct_id,
            self.metric_health_status(),
            alarm_topic=alarm_topic,
            description=f"{self.domain_name}: Route 53 sends no users to {self.region}. Its health path says why.",
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            # A health check that publishes nothing guards nothing.
            missing_data=cloudwatch.TreatMissingData.BREACHING,
        )
        self._alarms.append(cast("cloudwatch.Alarm", alarm))  # None only without a topic
        return self._alarms[-1]

    def _serve(self, api: apigatewayv2.IHttpApi, certificate: acm.ICertificate | None) -> "_Target":
        """Let an API answer under the common name."""
        self._check_api(api)
        self.certificate = certificate or acm.Certificate(
            self,
            "Certificate",
            domain_name=self.domain_name,
            validation=acm.CertificateValidation.from_dns(self.zone),
        )
        self.custom_domain = apigatewayv2.DomainName(
            self,
            "Domain",
            domain_name=self.domain_name,
            certificate=self.certificate,
            security_policy=apigatewayv2.SecurityPolicy.TLS_1_2,
            # Without it the AAAA record would lead to a name that has no IPv6 address.
            ip_address_type=apigatewayv2.IpAddressType.DUAL_STACK,
        )
        # The L2 mapping refuses an imported API, which has no stage object.
        mapping = apigatewayv2.CfnApiMapping(
            self, "Mapping", api_id=api.api_id, domain_name=self.custom_domain.name, stage="$default"
        )
        if api.default_stage is not None:
            mapping.node.add_dependency(api.default_stage)
        return _Target(
            checked_host=f"{api.api_id}.execute-api.{self.region}.{stack_of(self).url_suffix}",
            dns_name=self.custom_domain.regional_domain_name,
            zone_id=self.custom_domain.regional_hosted_zone_id,
            needed=mapping,
        )

    def _target_of(self, balancer: "elasticloadbalancingv2.IApplicationLoadBalancer") -> "_Target":
        """Return where a load balancer is; its own name is checked, as the common one leads to the nearest Region."""
        try:
            name, zone_id = balancer.load_balancer_dns_name, balancer.load_balancer_canonical_hosted_zone_id
        except RuntimeError as error:  # it was imported without them
            fix = "Import it with load_balancer_dns_name and load_balancer_canonical_hosted_zone_id"
            problem = f"is {balancer.node.path}, whose DNS name is not known"
            raise InvalidOptionError(self, "load_balancer", problem, fix) from error
        return _Target(checked_host=name, dns_name=f"dualstack.{name}", zone_id=zone_id, needed=None)

    def _add_record(self, record_type: str, target: "_Target") -> route53.CfnRecordSet:
        # The L2 alias target of API Gateway cannot ask Route 53 to evaluate the target's health.
        record = route53.CfnRecordSet(
            self,
            f"{record_type}Record",
            hosted_zone_id=self.zone.hosted_zone_id,
            name=f"{self.domain_name}.",
            type=record_type,
            region=self.region,
            set_identifier=self.region,
            health_check_id=self.health_check.health_check_id,
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=target.dns_name, hosted_zone_id=target.zone_id, evaluate_target_health=True
            ),
        )
        if target.needed is not None:
            record.node.add_dependency(target.needed)
        return record

    def _check_api(self, api: apigatewayv2.IHttpApi) -> None:
        if getattr(api, "disable_execute_api_endpoint", None):
            raise InvalidOptionError(
                self,
                "api",
                f"is {api.node.path}, whose execute-api endpoint is disabled, which is what the health check asks",
                "Leave disable_execute_api_endpoint out of the HttpApi",
            )

    def _check_health(self, path: str, interval: Duration, failure_threshold: int) -> None:
        right = path.startswith("/") and len(path) <= _LONGEST_PATH and not re.search(r"\s", path)
        if not Token.is_unresolved(path) and not right:
            fix = f"Start it with / and use at most {_LONGEST_PATH} characters without spaces ({_LIMITS})"
            raise InvalidOptionError(self, "health_check_path", f"is {path!r}", fix)
        if interval.is_unresolved():
            fix = "Tokens cannot be checked here: use 10 or 30 seconds"
            raise InvalidOptionError(self, "request_interval", "is a token", fix)
        if interval.to_milliseconds() not in _INTERVALS_MS:
            problem = f"is {interval.to_milliseconds() / 1000:g} seconds"
            raise InvalidOptionError(self, "request_interval", problem, f"Use 10 or 30 seconds ({_LIMITS})")
        check_range(self, "failure_threshold", failure_threshold, low=1, high=10, unit="checks", source=_LIMITS)
