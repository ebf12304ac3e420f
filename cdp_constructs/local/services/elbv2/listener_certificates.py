"""Load balancers: certificates of a listener beyond its default one, which clients choose by the server's name.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html
"""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Group, Patch
from cdp_constructs.local.kit.sdk import call
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.elbv2 import listeners

__all__ = ["ACTIONS", "RESOURCE_TYPES"]

_alb: Any = ministack.module("services.alb", "_error", "_listeners", "_p", "_parse_certificate_arns", "_xml")

_MOST_CERTIFICATES = 25


def _added(parameters: Any) -> Any:
    arn, wanted = _alb._p(parameters, "ListenerArn"), _alb._parse_certificate_arns(parameters)
    listener = _alb._listeners.get(arn)
    if listener is None:
        return _alb._error("ListenerNotFound", f"Listener '{arn}' not found.")
    more = list(dict.fromkeys([*listener.get("MoreCertificates", []), *wanted]))
    if len(more) > _MOST_CERTIFICATES:
        return _alb._error("TooManyCertificates", f"A listener has {_MOST_CERTIFICATES} certificates at most")
    listener["MoreCertificates"] = more
    listeners.follow()
    members = "".join(
        f"<member><CertificateArn>{each}</CertificateArn><IsDefault>false</IsDefault></member>" for each in wanted
    )
    return _alb._xml(200, "AddListenerCertificates", f"<Certificates>{members}</Certificates>")


def _removed(parameters: Any) -> Any:
    listener = _alb._listeners.get(_alb._p(parameters, "ListenerArn"))
    gone = set(_alb._parse_certificate_arns(parameters))
    if listener is not None:
        listener["MoreCertificates"] = [each for each in listener.get("MoreCertificates", []) if each not in gone]
        listeners.follow()
    return _alb._xml(200, "RemoveListenerCertificates", "")


def _described(parameters: Any) -> Any:
    arn = _alb._p(parameters, "ListenerArn")
    listener = _alb._listeners.get(arn)
    if listener is None:
        return _alb._error("ListenerNotFound", f"Listener '{arn}' not found.")
    default = [(each, "true") for each in listener.get("Certificates", [])]
    every = [*default, *((each, "false") for each in listener.get("MoreCertificates", []))]
    members = "".join(
        f"<member><CertificateArn>{each}</CertificateArn><IsDefault>{is_default}</IsDefault></member>"
        for each, is_default in every
    )
    return _alb._xml(200, "DescribeListenerCertificates", f"<Certificates>{members}</Certificates>")


class _Action(Patch):
    """An operation of the API that MiniStack does not have."""

    def __init__(self, name: str, handle: Callable[[Any], Any]) -> None:
        super().__init__("ministack.services.alb:_ACTION_MAP", lambda known: {**known, name: handle})


ACTIONS = Group(
    [
        _Action("AddListenerCertificates", _added),
        _Action("RemoveListenerCertificates", _removed),
        _Action("DescribeListenerCertificates", _described),
    ]
)


def _create(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    call("elbv2", "add_listener_certificates", properties)
    arns = ",".join(each["CertificateArn"] for each in properties["Certificates"])
    return f"{properties['ListenerArn']}|{arns}", {}


def _delete(physical_id: str, _properties: Properties) -> None:
    listener, _, arns = physical_id.partition("|")
    if listener in _alb._listeners:
        certificates = [{"CertificateArn": each} for each in arns.split(",")]
        call("elbv2", "remove_listener_certificates", {"ListenerArn": listener, "Certificates": certificates})


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        name="AWS::ElasticLoadBalancingV2::ListenerCertificate", create=_create, delete=_delete, blocking=True
    ),
)
