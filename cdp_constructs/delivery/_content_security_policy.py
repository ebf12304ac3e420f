"""Content security policies: what a served page or file may load and call, and who may frame it."""

from collections.abc import Mapping, Sequence

# What a page may do by default: load from its own origin, and nothing inline.
OF_PAGES: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:", "blob:"),
    "font-src": ("'self'",),
    "media-src": ("'self'",),
    "connect-src": ("'self'",),
    "manifest-src": ("'self'",),
    "worker-src": ("'self'",),
    "form-action": ("'self'",),
    "base-uri": ("'none'",),
    "frame-ancestors": ("'none'",),
}

# An uploaded HTML or SVG file opens without scripts and in an origin of its own.
OF_FILES: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "img-src": ("'self'",),
    "media-src": ("'self'",),
    "style-src": ("'unsafe-inline'",),
    "sandbox": (),
}


def write_policy(defaults: Mapping[str, Sequence[str]], more: Mapping[str, Sequence[str]] | None) -> str:
    """Write a policy: the defaults and, for each directive, what was added; 'none' only where it stays alone."""
    directives: dict[str, list[str]] = {name: list(sources) for name, sources in defaults.items()}
    for name, sources in (more or {}).items():
        allowed = directives.setdefault(name, [])
        allowed.extend(source for source in sources if source not in allowed)
    for sources in directives.values():
        if len(sources) > 1 and "'none'" in sources:
            sources.remove("'none'")
    return "; ".join(" ".join((name, *sources)) for name, sources in directives.items())
