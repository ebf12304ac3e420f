"""Works with a replicated PostgreSQL database: a read goes to a reader that has the author's last write.

    database = Database.from_environment()
    written = database.write(lambda connection: add_order(connection, order))
    orders = database.read(lambda connection: list_orders(connection), after=written.position)

Both calls connect anew when a failover has closed the connection, and run the work again. Needs ``psycopg[pool]``.
"""

from .credentials import Credentials, credentials_from_environment
from .database import CommitUnknownError, Database, Written
from .retries import Remedy, pauses, remedy

__all__ = [
    "CommitUnknownError",
    "Credentials",
    "Database",
    "Remedy",
    "Written",
    "credentials_from_environment",
    "pauses",
    "remedy",
]
