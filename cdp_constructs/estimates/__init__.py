"""What a system costs and which quota it reaches first: from a workload to what it uses, from that to dollars.

One file has every price and quota with its source and date, ``aws.toml``. The package imports nothing of the CDK::

    from cdp_constructs.estimates import Use, default_quota, monthly_cost

    requests = 50_000_000
    cost = monthly_cost([Use("API", "api_gateway.http_requests", requests), Use("API", "lambda.requests", requests)])
    assert round(cost.total) == 60
    assert default_quota("Requests", "api_gateway.requests_a_second", needed=3_000).fits
"""

from cdp_constructs.estimates.costs import (
    DAYS_A_MONTH,
    HOURS_A_MONTH,
    MILLION,
    MINUTES_A_MONTH,
    Cost,
    Use,
    monthly_cost,
)
from cdp_constructs.estimates.figures import REGION, Figure, NotKnownError, figures, price, quota
from cdp_constructs.estimates.quotas import Quota, default_quota, first_reached

__all__ = [
    "DAYS_A_MONTH",
    "HOURS_A_MONTH",
    "MILLION",
    "MINUTES_A_MONTH",
    "REGION",
    "Cost",
    "Figure",
    "NotKnownError",
    "Quota",
    "Use",
    "default_quota",
    "figures",
    "first_reached",
    "monthly_cost",
    "price",
    "quota",
]
