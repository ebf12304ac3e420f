"""RDS: PostgreSQL servers run as processes of this machine."""
