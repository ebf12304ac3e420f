"""The functions of AWS IoT SQL.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""
