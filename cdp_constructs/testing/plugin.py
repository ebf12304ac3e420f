"""The pytest plugin that ``cdp-constructs`` registers: the fixtures of ``fixtures``, for CDK applications.

Every pytest run of an environment loads this module. It imports neither the CDK nor the embedded cloud, and starts no
Node; fixtures do so when a test asks for them. Without the extra ``[testing]`` there are no fixtures either.
"""

from importlib.util import find_spec

pytest_plugins = ["cdp_constructs.testing.fixtures"] if find_spec("cdk_nag") and find_spec("syrupy") else []
