"""Board D1, Double Hawks: servers and a replica of the table in three Regions, watched by CloudWatch and by Zabbix."""
