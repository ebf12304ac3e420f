"""What the routes work with, made once for an execution environment."""

from ..domain.presence import RoomPresence
from ..domain.table import connect
from .accounts import Accounts
from .admission import Admission
from .attachment_search import AttachmentSearch
from .attachments import Attachments
from .budgets import Budgets
from .environment import Environment
from .history import History
from .log import RoomLog
from .message_changes import MessageChanges
from .message_search import MessageSearch
from .reading import ReadMarkers

environment = Environment.read()
region = environment.region
table = connect(environment.table_name)
accounts = Accounts(table)
budgets = Budgets(table, region, environment.limits)
admission = Admission(region, environment.max_delivery_lag)
log = RoomLog(table, region, environment.log_regions, budgets, admission=admission)
history = History(log.items, environment.log_regions)
changes = MessageChanges(log.items, region, environment.log_regions, budgets)
markers = ReadMarkers(table, region, environment.log_regions)
presence = RoomPresence(table, typing_notices=environment.typing_notices)
attachments = Attachments(environment)
attachment_search = AttachmentSearch(connect(environment.attachment_index), environment.accepted_prefix)
message_search = MessageSearch(history)
