"""Board D5, Umin Chat: pages from edge locations, servers in several zones, a database with read replicas."""
