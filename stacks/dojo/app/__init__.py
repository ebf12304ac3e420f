"""A small chat in a container: HTTP and WebSockets, with ports for what a board chooses.

``python -m stacks.dojo.app`` serves it, ``python -m stacks.dojo.app.worker`` works off its queue. It knows nothing of
the CDK; `settings` says what it is told, by environment variables.
"""
