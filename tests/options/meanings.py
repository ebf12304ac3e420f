"""What values of an option mean: those that must be refused although their type fits, and whether tokens are taken.

The key is an option's name, or ``<class>.<method>:<option>`` where the same name means something else. Every option
that is text, a number, a duration, a list or a mapping of these has an entry; a test finds the missing ones.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigatewayv2

__all__ = ["MEANINGS", "Meaning", "meaning_of"]


@dataclass(frozen=True)
class Meaning:
    """What fits an option's type and must be refused all the same."""

    wrong: tuple[Any, ...] = ()
    """Must be refused; a function makes a value when it is needed."""
    right: tuple[Any, ...] = ()
    """Must be accepted, in the place of what an example gives."""
    tokens: bool = True
    """Whether a token is accepted. A refusal says that tokens cannot be checked here."""


_DOMAINS = (
    "https://shop.example.com",
    "shop example.com",
    "shop.example.com/path",
    "-shop.example.com",
    "x" * 64 + ".com",
)
_ORIGINS = ("shop.example.com", "*", "https://*", "https://shop.example.com/", "http://shop.example.com", "ftp://a.com")
_LEVELS = ("a/b", "a b", "ä", "x" * 65, "+x", "#")
_HEADERS = ("a b", "ä", "a:b", "x" * 65)
_POINTERS = ("id", "issue/id")
_COLUMNS = ("a b", "A", "ä", "a/b", "1a")
_PATHS = ("orders", "/orders list", "orders/")
_VARIABLES = ("a b", "1A", "A-B", "ä", "A=B", "A/B")


def _lists(*entries: Any, empty: bool = True, twice: Any = None) -> tuple[Any, ...]:
    """Return a list of each entry, and the lists that are wrong by themselves."""
    more: list[Any] = [[entry] for entry in entries]
    if empty:
        more.append([])
    if twice is not None:
        more.append([twice, twice])
    return tuple(more)


def _seconds(*lengths: float) -> tuple[Callable[[], Duration], ...]:
    def make(length: float) -> Callable[[], Duration]:
        return lambda: Duration.millis(round(length * 1000))

    return tuple(make(length) for length in lengths)


_DAY = 86_400
_FOREVER = 40_000 * _DAY

MEANINGS: dict[str, Meaning] = {
    # ids and names
    "construct_id": Meaning(("A/B",), tokens=False),
    "name": Meaning(("a/b", "a b", "ä"), tokens=False),
    "DirectHosting.add_configuration:name": Meaning(("/a.json", "a b.json", "../a.json", "a//b"), tokens=False),
    "SpeedLayer.add_threshold:name": Meaning(),
    "EventsNamespace:name": Meaning(),
    "variable": Meaning(_VARIABLES, tokens=False),
    "groups": Meaning(_lists("A#B", "*", "A?", twice=None)),
    "partitions": Meaning(_lists("A#B", "*", "A?", "OUTBOX", twice=None)),
    "measure": Meaning(("unknown",), tokens=False),
    "measures": Meaning(_lists(*_COLUMNS, twice="temperature"), tokens=False),
    "columns": Meaning(({}, {"a b": "double"}, {"thing": "string"}), tokens=False),
    "app": Meaning(_LEVELS, tokens=False),
    "kind": Meaning(_LEVELS, tokens=False),
    "contexts": Meaning(_lists(*_LEVELS, "all", twice="home"), tokens=False),
    "things": Meaning(_lists("a/b", "a b", "ä", "all", "x" * 129, twice=None), tokens=False),
    # domains, origins, addresses
    "domain_name": Meaning(_DOMAINS),
    "domain_names": Meaning(_lists(*_DOMAINS, empty=False, twice="shop.example.com")),
    "allowed_origins": Meaning(_lists(*_ORIGINS, empty=False)),
    "email": Meaning(("operators", "a@", "@example.com", "a b@example.com", "https://example.com")),
    "sender": Meaning(("operators", "a@", "@example.com", "日本@example.com")),
    "url": Meaning(),
    "contact": Meaning(("operators@example.com", "mailto:operators", "http://example.com", "mailto:a b@example.com")),
    "unsubscribe_url": Meaning(("example.com/u", "http://example.com/u", "https://example.com/u?a=b")),
    "DeepHealthCheck.add_http:url": Meaning(("example.com", "http://example.com", "ftp://example.com", "https://")),
    "push_services": Meaning(_lists("https://fcm.googleapis.com", "10.0.0.1", "*", "a b"), tokens=False),
    "content_security_policy": Meaning(
        ({"img-src": ["*"]}, {"img-src": ["'unsafe-inline'"]}, {"img_src": ["'self'"]}, {"img-src": ["http:"]})
    ),
    # ARNs, Regions
    "web_acl_arn": Meaning(
        ("given", "arn:aws:wafv2:eu-west-1:111122223333:global/webacl/a/1", "arn:aws:sns:us-east-1:111122223333:t")
    ),
    "certificate_arn": Meaning(("given", "arn:aws:acm:us-east-1:111122223333:certificate/a")),
    "source_arn": Meaning(("bucket", "https://example.com")),
    "platform_applications": Meaning(({"ios": "given"}, {"ios": "arn:aws:sns:eu-west-3:111122223333:app/APNS/a"})),
    "replica_regions": Meaning(_lists("a b", "us-east-1", empty=False, twice="eu-west-1"), tokens=False),
    "region": Meaning(("a b",)),
    # paths and prefixes
    "path": Meaning(_PATHS, tokens=False),
    "partition": Meaning(("A#B", "*", "A?", "x" * 65), tokens=False),
    "schema": Meaning(({}, {"type": "object"}, {"type": "text"}), tokens=False),
    "source": Meaning(("aws.s3", 'a"b', "x" * 129), tokens=False),
    "detail_type": Meaning(('a"b', "x" * 129), tokens=False),
    "QueueConsumer.check_fifo:path": Meaning(),
    "WebhookSource.hmac_sha256:path": Meaning((*_PATHS, "/", "/a?b"), tokens=False),
    "WebhookSource.standard_webhooks:path": Meaning((*_PATHS, "/", "/a?b"), tokens=False),
    "WebhookSource.shared_token:path": Meaning((*_PATHS, "/", "/a?b"), tokens=False),
    "WebhookSource.secret_in_address:path": Meaning((*_PATHS, "/", "/a?b"), tokens=False),
    "WebhookSource:path": Meaning((*_PATHS, "/", "/a?b"), tokens=False),
    "CacheDistribution.add_api:path": Meaning((*_PATHS, "/api/", "/", "/a*"), tokens=False),
    "DirectHosting.add_api:path": Meaning((*_PATHS, "/api/", "/", "/a*"), tokens=False),
    "MonitoringIntegration:address": Meaning(("", "zabbix example", "zabbix:10051", "https://zabbix", "-a.com", "::1")),
    "MonitoringIntegration:host": Meaning(("", " shop", "shop ", "shöp", "shop/1", "x" * 129)),
    "SorryPage:path": Meaning((*_PATHS, "/", "/a*"), tokens=False),
    "StackContents.alarm:path": Meaning(("Unknown/Alarm",), tokens=False),
    "status_codes": Meaning(_lists(404, 200, 600, 502.5, twice=502), tokens=False),
    "retry_after": Meaning(_seconds(0, 0.5, _DAY + 1), tokens=False),
    "path_pattern": Meaning(("a b", "/ä", "x" * 300), tokens=False),
    "health_check_path": Meaning(("health", "/health deep", "/" + "x" * 255)),
    "shallow_path": Meaning(("health", "/health deep", "/health/{id}"), tokens=False),
    "DeepHealthCheck:path": Meaning(("health", "/health deep", "/health/{id}"), tokens=False),
    "origin_path": Meaning(("accepted", "/accepted/", "/a*")),
    "user_prefix": Meaning(("/accepted/", "accepted", "a*/", "{other}/"), tokens=False),
    "prefix": Meaning(("accepted",), tokens=False),
    "folder": Meaning(("no/such/folder",), tokens=False),
    "immutable": Meaning(),
    # HTTP
    "throttle": Meaning(
        tuple(
            functools.partial(apigatewayv2.ThrottleSettings, rate_limit=rate, burst_limit=burst)
            for rate, burst in ((math.nan, 10), (math.inf, 10), (10, math.nan), (-1, 10), (0, 10), (10, 0), (1e9, 1e9))
        )
    ),
    "routes": Meaning(_lists("orders", "GET orders", "FETCH /orders", "GET /orders list", "GET", "GET /a/{b")),
    "authorization_scopes": Meaning(_lists("a b", 'a"', empty=False)),
    "audience": Meaning(),
    "remove_headers": Meaning(_lists("a b", "x-*", "host", empty=False)),
    "signature_header": Meaning(_HEADERS, tokens=False),
    "token_header": Meaning(_HEADERS, tokens=False),
    "delivery_header": Meaning(_HEADERS, tokens=False),
    "timestamp_header": Meaning(_HEADERS, tokens=False),
    "header_prefix": Meaning(_HEADERS, tokens=False),
    "signature_prefix": Meaning(("ä", "a\nb")),
    "delivery_pointer": Meaning(_POINTERS, tokens=False),
    "group_by": Meaning(_POINTERS, tokens=False),
    # servers
    "priority": Meaning((0, -1, 50_001), tokens=False),
    "path_patterns": Meaning(_lists("search", "/ä", "/a b", "/" + "x" * 128, empty=False, twice="/a"), tokens=False),
    "host_headers": Meaning(_lists("a b", "https://a.com", "ä", empty=False, twice="a.com"), tokens=False),
    "ServiceRoute:health_check_path": Meaning(("health", "/health deep", "/" + "x" * 1024), tokens=False),
    "ScaleOutService.add_deep_health_check:path": Meaning(("health", "/health deep", "/ä"), tokens=False),
    "deregistration_delay": Meaning(_seconds(0.5, 3601, _FOREVER), tokens=False),
    "port": Meaning((0, -1, 65_536), tokens=False),
    "cpu": Meaning((0, -1, 255, 300, 32_768), tokens=False),
    "memory_limit_mib": Meaning((0, -1, 511, 513, 200_000), tokens=False),
    "environment": Meaning(),
    "secrets": Meaning(),
    "command": Meaning(([],)),
    "stop_timeout": Meaning(_seconds(0, 0.5, 1, 121, _FOREVER), tokens=False),
    "writable_paths": Meaning(_lists("tmp", "/", "./a", empty=False, twice="/tmp"), tokens=False),  # noqa: S108
    "min_capacity": Meaning((0, -1, 1, 5001), tokens=False),
    "ServiceScaling:max_capacity": Meaning((0, -1, 1, 5001), tokens=False),
    "ScaleOutService.scale_on_schedule:max_capacity": Meaning((0, -1, 1, 5001), tokens=False),
    "DatabaseCapacity:min_capacity": Meaning((-1, 0.25, 257), tokens=False),
    "DatabaseCapacity:max_capacity": Meaning((-1, 0, 0.25, 257), tokens=False),
    "requests_per_target": Meaning((0, -1, 10_000_001), tokens=False),
    "target_utilization_percent": Meaning((0, -1, 9, 91), tokens=False),
    "idle_timeout": Meaning(_seconds(0, 0.5, 4001, _FOREVER), tokens=False),
    "health_check_command": Meaning(([],)),
    "replaced_within": Meaning(_seconds(0, 0.5, 60, 150, 31 * 60, _FOREVER), tokens=False),
    # transitions
    "WeightedTransition:steps": Meaning(
        ([], [0, 100], [10, 50], [50, 10, 100], [10, 10, 100], [101], list(range(80, 101))),
        ([100], [1, 99, 100]),
        tokens=False,
    ),
    "WeightedTransition:interval": Meaning(_seconds(0, 0.5, 9, _DAY + 1, _FOREVER), tokens=False),
    "stickiness": Meaning(_seconds(0, 0.5, 7 * _DAY + 1, _FOREVER), tokens=False),
    "ttl": Meaning(_seconds(0.5, _DAY + 1, _FOREVER), tokens=False),
    "record_types": Meaning(_lists("CNAME", twice="A")),
    # networks
    "max_azs": Meaning((0, -1, 1, 5), tokens=False),
    "amazon_side_asn": Meaning((0, -1, 64_511, 65_535), tokens=False),
    "eip_allocation_ids": Meaning(_lists(twice="eipalloc-1")),
    # identities
    "IdentityProvider:name": Meaning(),
    "IdentityProvider:details": Meaning(),
    "IdentityProvider:private_detail": Meaning(),
    "IdentityProvider.oidc:name": Meaning(("a b", "ab", "Google", "x" * 33, "a_b"), tokens=False),
    "IdentityProvider.saml:name": Meaning(("a b", "ab", "Google", "x" * 33, "a_b"), tokens=False),
    "attribute_mapping": Meaning(({"a b": "email"}, {"email": " "}), tokens=False),
    "client_id": Meaning(),
    "services_id": Meaning(),
    "team_id": Meaning(("T", "abcde12345")),
    "key_id": Meaning(("K", "abcde12345")),
    "issuer_url": Meaning(("id.example.com", "http://id.example.com", "https://id.example.com/")),
    "metadata_url": Meaning(("corp.xml", "http://corp.example.com/metadata")),
    "domain_prefix": Meaning(("Shop", "my-cognito", "-shop", "x" * 64)),
    "callback_urls": Meaning(
        _lists("shop.example.com", "http://shop.example.com", "https://*.com", "https://a.com/#b")
    ),
    "logout_urls": Meaning(_lists("shop.example.com", "http://shop.example.com", "https://*.com", empty=False)),
    "UserIdentityPool.add_group:name": Meaning(),
    "precedence": Meaning((-1, 2**31), tokens=False),
    "UserIdentityPool.grant_own_items:partition": Meaning(("A#B", "*", "A?")),
    "claim": Meaning(("cognito:groups", "x" * 65)),
    "value": Meaning(("x" * 129,)),
    "UserIdentityPool.grant_own_objects:prefix": Meaning(("photos", "/photos/", "*/", "${aws:userid}/"), tokens=False),
    # sites
    "check_every": Meaning(_seconds(0, 0.5, 899, 2 * _DAY, _FOREVER), tokens=False),
    "longest_pause": Meaning(_seconds(0, 0.5, 299, 9 * 3600, _FOREVER), tokens=False),
    "ignored_prefixes": Meaning(_lists("*", "a?", "x" * 513, empty=False)),
    # AWS WAF
    "allowed_countries": Meaning(_lists("Japan", "jp", "ZZ", empty=False, twice="JP"), tokens=False),
    "blocked_countries": Meaning(_lists("Japan", "jp", "ZZ", empty=False, twice="JP"), tokens=False),
    "managed_rule_groups": Meaning(_lists("Unknown", empty=False, twice="AWSManagedRulesCommonRuleSet"), tokens=False),
    "unlimited_operations": Meaning(_lists("a b", empty=False), tokens=False),
    "rate_limit": Meaning((0, -1, 9, 2_000_000_001)),
    # messages
    "filter_policy": Meaning(
        (
            {"kind": []},
            {"kind": [{"begins": "a"}]},
            {"kind": [{}]},
            {"kind": ["a", None, object()]},
            {"kind": None},
            {"kind": [None]},
            {"kind": ["a", None]},
            {"kind": [{"prefix": None}]},
            {"kind": [{"numeric": [">"]}]},
            {"kind": [{"numeric": [">", float("nan")]}]},
            {f"k{number}": ["a"] for number in range(6)},
            {"kind": [str(number) for number in range(151)]},
            {"kind": "a"},
        )
    ),
    "add_mail:filter_policy": Meaning(({},)),
    "batch_size": Meaning((0, -1, 11, 10_001)),
    "max_concurrency": Meaning((0, -1, 1, 1001)),
    "max_receive_count": Meaning((0, -1, 1001)),
    "batching_window": Meaning(_seconds(0, 0.5, 301, _FOREVER), tokens=False),
    "visibility_timeout": Meaning(_seconds(0.5, 12 * 3600 + 1, _FOREVER)),
    # uploads
    "content_types": Meaning(_lists("image", "text/html", "image/svg+xml", "*/*", twice="image/jpeg"), tokens=False),
    "text_encodings": Meaning(_lists("latin", twice="utf-8"), tokens=False),
    "max_size_mb": Meaning((0, -1, 5001), tokens=False),
    "largest_kb": Meaning((0, -1, 3001), tokens=False),
    "inline_kb": Meaning((-1, 33), tokens=False),
    "documents": Meaning((0, -1, 100_001), tokens=False),
    "total_mb": Meaning((0, -1, 100_001), tokens=False),
    "writes_per_minute": Meaning((0, -1, 6001), tokens=False),
    "pixels": Meaning((0, -1, 15, 2049), tokens=False),
    "max_lag": Meaning(_seconds(0, 0.5, 61, _FOREVER), _seconds(1, 60), tokens=False),
    "expiry": Meaning(_seconds(0, 0.5, 3601, _FOREVER), tokens=False),
    "decoding_timeout": Meaning(_seconds(0, 0.5, _FOREVER), tokens=False),
    "owner_metadata": Meaning(("Album", "x y", "ä", "x" * 65), tokens=False),
    # data
    "reconcile_every": Meaning(_seconds(0, 0.5, 60, 8 * _DAY, _FOREVER), tokens=False),
    "window_length": Meaning(_seconds(0, 0.5, 59, 90, 420, 7200, 31 * _DAY, _FOREVER), tokens=False),
    "window_retention": Meaning(_seconds(0, 0.5, 60, 31 * _DAY, _FOREVER), tokens=False),
    "buffering": Meaning(_seconds(0, 0.5, 59, 901, _FOREVER), tokens=False),
    "shards": Meaning((0, -1, 20_001), tokens=False),
    "TableCapacity:min_writes": Meaning((0, -1, 1_000_001), tokens=False),
    "TableCapacity:max_writes": Meaning((0, -1, 1_000_001), tokens=False),
    "TableCapacity:min_reads": Meaning((0, -1, 1_000_001), tokens=False),
    "TableCapacity:max_reads": Meaning((0, -1, 1_000_001), tokens=False),
    "alarming_rejections": Meaning((0, -1, 10_000_001)),
    "alarming_senders": Meaning((0, -1, 10_001)),
    "LogAggregation:expiration": Meaning(_seconds(0, 0.5, 3600, 3651 * _DAY, _FOREVER), tokens=False),
    "LogAggregation.add_log_group:service": Meaning(("", "Orders", "a/b", "x" * 64, "-a", "a b"), tokens=False),
    "LogAggregation.add_log_groups:service": Meaning(("", "Orders", "a/b", "x" * 64, "-a", "a b"), tokens=False),
    "scan_limit_mb": Meaning((0, -1, 9), tokens=False),
    "base_capacity": Meaning((0, -8, 7, 9, 520), tokens=False),
    "max_capacity": Meaning((0, -8, 7, 9, 520), tokens=False),
    # servers
    # The program is told it as a number.
    "WorkQueue:visibility_timeout": Meaning(_seconds(0.5, 12 * 3600 + 1, _FOREVER), tokens=False),
    "WorkQueue:name": Meaning(("a b", "urgent", "A-B", "X" * 41), tokens=False),
    "weight": Meaning((0, -1, 101), tokens=False),
    "max_age": Meaning(_seconds(0, 0.5, 59, 15 * _DAY, _FOREVER), tokens=False),
    "concurrency": Meaning((0, -1, 101), tokens=False),
    "min_tasks": Meaning((-1, 5001), tokens=False),
    "max_tasks": Meaning((0, -1, 5001), tokens=False),
    "backlog_per_task": Meaning((0, -1, 100_001), tokens=False),
    "modules": Meaning(_lists("unknown", "a/b", empty=False, twice="queue_worker"), tokens=False),
    "QueueWorkers.grant_send:queue": Meaning(("Unknown",), tokens=False),
    "QueueWorkers.metric_lag:queue": Meaning(("Unknown",), tokens=False),
    # releases of functions
    "alias_name": Meaning(("7", "a b", "live:1", "x" * 129)),
    "provisioned_concurrency": Meaning((0, -1, 100_001)),
    "percentage": Meaning((0, -1, 100), tokens=False),
    "max_errors": Meaning((0, -1), tokens=False),
    # functions
    "key_path": Meaning(("$.payment", "/payment", " payment"), tokens=False),
    "validation_path": Meaning(("$.amount", "/amount", " amount"), tokens=False),
    "reserved_concurrency": Meaning((0, -1, 1_000_001), tokens=False),
    "attempts": Meaning((-1, 3)),
    "max_event_age": Meaning(_seconds(0, 0.5, 59, 6 * 3600 + 1, _FOREVER)),
    "flexible_window": Meaning(_seconds(0, 0.5, 59, 90, _DAY + 60, _FOREVER), tokens=False),
    "IdempotentFunction.add_stream_source:batch_size": Meaning((0, -1, 10_001)),
    "retry_attempts": Meaning((-1, 10_001)),
    "max_record_age": Meaning(_seconds(0, 0.5, 59, 7 * _DAY + 1, _FOREVER), tokens=False),
    "parallelization_factor": Meaning((0, -1, 11)),
    # databases
    "database_name": Meaning(("a b", "1a", "my-orders", "Orders", "x" * 64), tokens=False),
    "readers": Meaning((0, -1, 16), tokens=False),
    "max_readers": Meaning((0, -1, 16), tokens=False),
    "instances": Meaning((0, -1, 17), tokens=False),
    "backup_retention": Meaning(_seconds(0, 0.5, 3600, 36 * 3600, 36 * _DAY, _FOREVER), tokens=False),
    "SharedFiles.add_folder:path": Meaning(("/", "images", "/a b", "/a/../b", "/a/b/c/d/e"), tokens=False),
    "SharedFiles.mount_to_service:path": Meaning(("/", "images", "/images", "/mnt/", "/mnt/a b"), tokens=False),
    "SharedFiles.mount_to_function:path": Meaning(("/", "images", "/images", "/mnt/", "/mnt/a b"), tokens=False),
    "owner": Meaning((0, -1, 2**32), tokens=False),
    "node_type": Meaning(("r7g.large", "cache", "cache.r7g", "cache.r7g large")),
    "replicas": Meaning((0, -1, 6), tokens=False),
    "global_cluster_identifier": Meaning(),
    "user": Meaning(("*", "a b", "Report", "1a", "x" * 64), tokens=False),
    "sql": Meaning(),
    "TopicRule:sql": Meaning(("SELECT", "SELECT * FROM", "SELECT * FROM 'a/#/b'", "SELECT * FROM ''")),
    "partition_key": Meaning(),
    "probe_key": Meaning(({}, {"a": "b", "c": "d", "e": "f"})),
    "above": Meaning((1e999,), tokens=False),
    "below": Meaning((1e999,), tokens=False),
    "recovers_at": Meaning((1e999,), tokens=False),
    "retention": Meaning(_seconds(0, 0.5, 60, 366 * _DAY, _FOREVER), tokens=False),
    # devices
    "certificate": Meaning(("PEM", "-----BEGIN CERTIFICATE-----")),
    "certificate_signing_request": Meaning(("PEM", "-----BEGIN CERTIFICATE REQUEST-----")),
    "certificate_lifetime": Meaning(_seconds(0, 0.5, 60, 3651 * _DAY, _FOREVER), tokens=False),
    "claim_window": Meaning(_seconds(0, 0.5, 59, _DAY + 1, _FOREVER), tokens=False),
    "timeout": Meaning(_seconds(0, 0.5, 901, _FOREVER), tokens=False),
    "messages_per_5_minutes": Meaning((-1, 0), tokens=False),
    "refusals_per_5_minutes": Meaning((-1,), tokens=False),
    "topic": Meaning(("", "a/+/b", "#")),
    "separator": Meaning((";", "", " ")),
    # times
    "period": Meaning(_seconds(0, 0.5, 7, 90), tokens=False),
    "access_token_validity": Meaning(_seconds(0, 0.5, 299, _DAY + 60, _FOREVER), tokens=False),
    "refresh_token_validity": Meaning(_seconds(0, 0.5, 3599, 3651 * _DAY, _FOREVER), tokens=False),
    "request_interval": Meaning(_seconds(0, 0.5, 20, _FOREVER), tokens=False),
    "failure_threshold": Meaning((0, -1, 11), tokens=False),
    "rotate_every": Meaning(_seconds(0, 0.5, 3600, 1001 * _DAY, _FOREVER), tokens=False),
    "time_budget": Meaning(_seconds(0, 0.05, 2, _FOREVER), tokens=False),
    "cache_for": Meaning(_seconds(61, _FOREVER), tokens=False),
    # workflows
    "Workflow:timeout": Meaning(_seconds(0, 0.5, 366 * _DAY, _FOREVER), tokens=False),
    "payload": Meaning(({"when": object()}, {"much": float("nan")}, {1: "a"}, {"text": "x" * 262_144})),
    "expires_after": Meaning(_seconds(0, 0.5, 59, 366 * _DAY, _FOREVER), tokens=False),
    "ClaimCheck:expires_after": Meaning(_seconds(0, 0.5, 3600, 1.5 * _DAY, _FOREVER), tokens=False),
    "ClaimCheck:prefix": Meaning(("payloads", "/payloads/", "a*/", "a//", "ä/", ""), tokens=False),
    "max_inline_kb": Meaning((0, -1, 201), tokens=False),
    "item_selector": Meaning(({1: "a"},)),
    "question": Meaning(({"order": 7}, {1: "a"})),
    "max_attempts": Meaning((0, -1, 100_000_000), tokens=False),
    "interval": Meaning(_seconds(0, 0.5, _FOREVER), tokens=False),
    "max_delay": Meaning(_seconds(0, 0.5, 1, 2, _FOREVER), tokens=False),
    "never": Meaning(_lists(empty=False, twice="Busy")),
    "items_path": Meaning(("items", "$items", "{% $states.input %}"), tokens=False),
    "result_path": Meaning(("results", "$results"), tokens=False),
    "for_each:max_concurrency": Meaning((0, -1, 41), tokens=False),
    "tolerated_failure_percentage": Meaning((-1, 101), tokens=False),
    # deliveries
    "commands": Meaning(([],)),
    "install_commands": Meaning(),
    "build_commands": Meaning(([],)),
    "review_fail_on": Meaning(_lists("everything", "acknowledgments", empty=False), tokens=False),
    "outputs": Meaning(),
    "wait": Meaning(_seconds(0, 0.5, 30, 90, 2 * _DAY, _FOREVER), tokens=False),
    "RollbackAlarm:name": Meaning(),
    "repository": Meaning(("order-desk", "example/*", "*/order-desk", "a/b:*", "a/b/c"), tokens=False),
    "GitHubDeployRole:environment": Meaning(("*", "production:*", "a b"), tokens=False),
    "branch": Meaning(("*", "ma?n", "a b", "/main"), tokens=False),
    "qualifier": Meaning(("*", "Desk", "x" * 11), tokens=False),
    "regions": Meaning(_lists("a b", "*", twice="eu-west-1"), tokens=False),
    # what people read
    "description": Meaning(),
    "holds": Meaning(),
    "what": Meaning(),
    "option": Meaning(),
    "api_id": Meaning(),
    "arn": Meaning(),
    "user_pool_id": Meaning(),
    "values": Meaning(
        (
            {"env": None},
            {"api": {"url": None}},
            {"apis": [{"url": None}]},
            {"timeout": float("nan")},
            {"ids": [2**53]},
            {"api": object()},
            {"apis": {"a", "b"}},
            {1: "a"},
        )
    ),
}


def meaning_of(qualified: str, option: str) -> Meaning | None:
    """Return the meaning of an option of a method, or of a constructor by its class."""
    owner = qualified.removesuffix(".__init__")
    return MEANINGS.get(f"{owner}:{option}") or MEANINGS.get(option)
