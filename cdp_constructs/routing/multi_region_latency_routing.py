"""MultiRegionLatencyRouting: latency records of an API under one name, each guarded by a health check."""

import re
from typing import cast

from aws_cdk import CrossStackReferences, Duration, ReferenceStrength, Tags, Token
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import cloudwatch, sns
from cdp_constructs.core.meanings import note_zone
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.places import Allowed, concrete_region, elsewhere
from cdp_constructs.core.validation import (
    InvalidOptionError,
    check_range,
)

# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html
_METRICS_REGION = "us-east-1"
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
_LIMITS = "Route 53 API reference, HealthCheckConfig"
_LONGEST_PATH = 255
_INTERVALS_MS = (10_000, 30_000)


@checks_options
class MultiRegionLatencyRouting(Construct):
    """One Region's half of a common name: a custom domain of its API, latency records, and a health check of both.

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
            health check uses it.
        certificate: An existing certificate of this Region for ``domain_name``. By default one is made and validated by
            DNS records in ``zone``; ACM asks for the same record in each Region, so the stacks do not disturb each
            other.
        health_check_path: What the health check gets, at most 255 characters; 2xx or 3xx within 2 s is healthy. The
            default is the path of ``DeepHealthCheck``.
        request_interval: 10 or 30 seconds between two requests of one checker (there are 15 or more); 30 by default,
            10 costs extra. Changing it replaces the health check.
        failure_threshold: 1 to 10 checks in a row that must fail, or pass again; 3 by default.

    Raises:
        InvalidOptionError: when the stack names no Region, the name is not in the zone, the certificate or the API is
            in another Region, the API's own endpoint is disabled, or a number is outside of Route 53's limits
            (https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html).
    """

    region: str
    """The stack's Region, the set identifier of the records."""
    zone: route53.IHostedZone
    """The zone of the records."""
    domain_name: str
    """The name users call."""
    api: apigatewayv2.IHttpApi
    """The Region's API."""
    certificate: acm.ICertificate
    """The certificate of the custom domain."""
    custom_domain: apigatewayv2.DomainName
    """The regional custom domain."""
    health_check: route53.HealthCheck
    """Guards both records."""
    records: tuple[route53.CfnRecordSet, ...]
    """The A and the AAAA record."""

    @elsewhere(
        api="Give the API of the stack's Region: each Region routes to its own",
        certificate="Give one of the stack's Region: API Gateway takes certificates of its own Region",
    )
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        zone: route53.IHostedZone,
        domain_name: str,
        api: apigatewayv2.IHttpApi,
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
        self.api = api
        interval = request_interval or seconds(30)
        self._check_names()
        self._check_api()
        self._check_health(health_check_path, interval, failure_threshold)
        self.certificate = certificate or acm.Certificate(
            self, "Certificate", domain_name=domain_name, validation=acm.CertificateValidation.from_dns(zone)
        )
        self.custom_domain = apigatewayv2.DomainName(
            self,
            "Domain",
            domain_name=domain_name,
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
        # Checkers in every Region that Route 53 has them in, its default: a network problem of a few is then no outage.
        self.health_check = route53.HealthCheck(
            self,
            "HealthCheck",
            type=route53.HealthCheckType.HTTPS,
            fqdn=f"{api.api_id}.execute-api.{self.region}.{stack_of(self).url_suffix}",
            port=443,
            resource_path=health_check_path,
            request_interval=interval,
            failure_threshold=failure_threshold,
        )
        # The console lists health checks of all Regions by this tag, and by nothing else that a person could read.
        Tags.of(self.health_check).add("Name", f"{domain_name} {self.region}")
        self.records = tuple(self._add_record(record_type) for record_type in ("A", "AAAA"))
        for record in self.records:
            record.node.add_dependency(mapping)

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

    def _add_record(self, record_type: str) -> route53.CfnRecordSet:
        # The L2 alias target of API Gateway cannot ask Route 53 to evaluate the target's health.
        return route53.CfnRecordSet(
            self,
            f"{record_type}Record",
            hosted_zone_id=self.zone.hosted_zone_id,
            name=f"{self.domain_name}.",
            type=record_type,
            region=self.region,
            set_identifier=self.region,
            health_check_id=self.health_check.health_check_id,
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=self.custom_domain.regional_domain_name,
                hosted_zone_id=self.custom_domain.regional_hosted_zone_id,
                evaluate_target_health=True,
            ),
        )

    def _check_names(self) -> None:
        note_zone(self, self.zone)
        zone_name = self.zone.zone_name
        if Token.is_unresolved(self.domain_name) or Token.is_unresolved(zone_name):
            return
        if self.domain_name != zone_name and not self.domain_name.endswith(f".{zone_name}"):
            raise InvalidOptionError(
                self,
                "domain_name",
                f"is {self.domain_name!r}, which is not in the zone {zone_name!r}",
                f"Use {zone_name} or a name that ends with .{zone_name}, in lower case and without a dot at the end",
            )

    def _check_api(self) -> None:
        if getattr(self.api, "disable_execute_api_endpoint", None):
            raise InvalidOptionError(
                self,
                "api",
                f"is {self.api.node.path}, whose execute-api endpoint is disabled, which is what the health check asks",
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
