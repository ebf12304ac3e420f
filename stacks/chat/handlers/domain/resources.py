"""Names of resources that the stacks and the functions must agree on. It imports nothing: both can import it."""

NAMESPACE = "rooms"
"""First segment of every live channel."""
ROOMS_OF_USER = "RoomsOfUser"
"""Index of memberships: partition key ``user``, sort key ``room``."""
