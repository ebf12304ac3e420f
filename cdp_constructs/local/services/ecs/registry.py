"""ECS: the images of deployed assemblies, by the names `<repository>:<tag>` that templates have.

`POST /_cdp/images` makes known a folder that stands for an image, or an image that a container engine has built; `GET
/_cdp/containers` says which engine that is, and which servers cannot run, by service or public image.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers import built, engines, images, postgres, public, valkey
from cdp_constructs.local.containers.built import Built
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.services.lambda_ import runtime, sandboxes

_rds: Any = ministack.module("services.rds", "pg_ca_cert_pem")


@route("GET", "containers")
def _engine(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    engine = engines.configured()
    missing = {
        **({} if postgres.programs() else {"RDS": postgres.MISSING}),
        **({} if valkey.program() else {"ElastiCache": valkey.MISSING}),
        **({} if engine else public.missing()),
    }
    return {"engine": asdict(engine) if engine else None, "missing": missing}


@route("POST", "images")
def _add(request: Mapping[str, Any]) -> Mapping[str, Any]:
    if "tag" in request:
        built.add(request["name"], Built(request["tag"], request["digest"], tuple(request["authorities"])))
        return {"digest": request["digest"]}
    folder = Path(request["folder"])
    if not (folder / images.DESCRIPTION).is_file():
        raise AdminError(f"{folder} is no image that was made by the embedded cloud's client on this machine")
    sandboxes.users()  # what it writes, other users will read
    return {"digest": images.add(request["name"], folder, runtime.base_interpreter, _rds.pg_ca_cert_pem)}
