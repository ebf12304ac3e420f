"""How this library makes what its patterns consist of, for whoever writes constructs and stacks of their own.

Public modules: ``functions`` (a function with its role, logs and failure destination), ``assets`` (code of functions
and layers), ``event_sources``, ``permissions``, ``queues``, ``buckets``, ``tables``, ``keys``, ``log_groups``,
``alarms``, ``metrics``, ``runbooks``, ``http_apis``, ``layers``, ``object_events``, ``acknowledgments`` (of cdk-nag
findings), ``validation`` (one shape of error for every option), ``paths``, ``periods``, ``once``, ``tree`` and ``cdk``.
Import what is used from its module: ``from cdp_constructs.core.functions import add_function``.
"""
