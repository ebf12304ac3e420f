"""Board D4, ElastiCache: mail to PCs and push to phones, sessions in a table, the logs of all servers in S3."""
