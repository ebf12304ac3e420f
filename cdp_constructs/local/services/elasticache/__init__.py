"""ElastiCache: Valkey servers run as processes of this machine."""
