"""How this library makes what its patterns consist of, for whoever writes constructs and stacks of their own.

Public modules: ``functions`` (a function with its role, logs and failure destination), ``queues``, ``buckets``,
``tables``, ``keys``, ``alarms``, ``metrics``, ``http_apis``, ``layers``, ``object_events``, ``acknowledgments`` (of
cdk-nag findings), ``validation`` (one shape of error for every option), ``paths``, ``periods`` and ``once``. Import
what is used from its module: ``from cdp_constructs.core.functions import add_function``.
"""
