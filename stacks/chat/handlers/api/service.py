"""What the routes work with, made once for an execution environment."""

from ..domain.presence import RoomPresence
from ..domain.table import connect
from .attachments import Attachments
from .environment import Environment
from .log import RoomLog
from .reading import ReadMarkers

environment = Environment.read()
region = environment.region
table = connect(environment.table_name)
log = RoomLog(table, region, environment.log_regions)
markers = ReadMarkers(table, region, environment.log_regions)
presence = RoomPresence(table)
attachments = Attachments(environment)
