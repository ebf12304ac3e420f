"""Reference systems, a folder each: the CDK stacks that combine patterns, and the product code that they deploy.

A system's Lambda functions (``handlers/``) and its web client (``web/``) stand beside the stacks. Stacks hold no
resource logic of their own: what another system could use is a pattern of ``cdp_constructs``.
"""
