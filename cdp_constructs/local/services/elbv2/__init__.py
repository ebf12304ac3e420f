"""Load balancers: requests go to targets whose health was checked."""
