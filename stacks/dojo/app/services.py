"""What the settings choose, put together."""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import boto3
from botocore.config import Config

from stacks.dojo.app.caches import CachedLatest, NothingKept, cache_of
from stacks.dojo.app.database import Database
from stacks.dojo.app.fan_out import fan_out_of
from stacks.dojo.app.files import BucketFiles, NoFiles
from stacks.dojo.app.intake import DatabaseIntake, QueueIntake
from stacks.dojo.app.live import Hub
from stacks.dojo.app.mails import Addresses, Mails, Pace
from stacks.dojo.app.notices import DeviceNotices, PushNotices, TopicNotices
from stacks.dojo.app.ports import Files, Intake, Latest, Notices, Sessions, Store
from stacks.dojo.app.sessions import CachedSessions, SignedSessions, TableSessions
from stacks.dojo.app.settings import Settings
from stacks.dojo.app.store import DatabaseStore
from stacks.dojo.app.table import Table
from stacks.dojo.app.table_store import TableStore
from stacks.dojo.app.user_pool import UserPool, keys_of

__all__ = ["Services", "store_of"]


def store_of(settings: Settings) -> Store:
    """Return the store that is chosen."""
    notices = settings.notices != "none"
    if settings.store == "table":
        region = settings.replica_region
        replica = None if region is None else Table(settings, region)
        return TableStore(Table(settings, settings.data_region), notices=notices, replica=replica)
    return DatabaseStore(Database(settings), notices=notices)


@dataclass(frozen=True)
class Services:
    """The adapters behind the ports.

    Args:
        settings: What a board chooses; they are complete.
    """

    settings: Settings

    @cached_property
    def store(self) -> Store:
        """What is kept."""
        return store_of(self.settings)

    @cached_property
    def hub(self) -> Hub:
        """Who is connected."""
        return Hub(self.store, fan_out_of(self.settings, self.store))

    @cached_property
    def intake(self) -> Intake:
        """Where messages go."""
        if self.settings.intake == "queue":
            return QueueIntake(boto3.client("sqs"), cast("str", self.settings.queue_url))
        return DatabaseIntake(self.store, self.hub.fan_out)

    @cached_property
    def sessions(self) -> Sessions:
        """Who is who."""
        seconds = self.settings.session_hours * 3600
        if self.settings.sessions == "cache":
            return CachedSessions(cache_of(self.settings), seconds)
        if self.settings.sessions == "table":
            patience = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
            dynamodb = boto3.client("dynamodb", config=patience)
            return TableSessions(dynamodb, cast("str", self.settings.session_table), seconds)
        return SignedSessions(self.settings.session_key.get_secret_value().encode(), seconds)

    @cached_property
    def latest(self) -> Latest:
        """The latest messages."""
        return NothingKept() if self.settings.latest == "none" else CachedLatest(cache_of(self.settings))

    @cached_property
    def files(self) -> Files:
        """Files."""
        if self.settings.files == "none":
            return NoFiles()
        region = self.settings.data_region
        # boto3 signs links by version 2 otherwise, which new buckets refuse.
        s3 = boto3.client("s3", region_name=region, config=Config(signature_version="s3v4"))
        functions = boto3.client("lambda", region_name=region)
        name = self.settings.file_index
        index = None if name is None else boto3.resource("dynamodb", region_name=region).Table(name)
        bucket, form_function = cast("str", self.settings.bucket), cast("str", self.settings.form_function)
        return BucketFiles(s3, functions, bucket, form_function, self.settings.link_function, index)

    @cached_property
    def user_pool(self) -> UserPool | None:
        """Who has the passwords; None when the chat has them."""
        if self.settings.sign_in != "user_pool":
            return None
        pool_id = cast("str", self.settings.user_pool_id)
        return UserPool(pool_id, cast("str", self.settings.user_pool_client), keys_of(pool_id))

    @cached_property
    def mails(self) -> Mails | None:
        """Mails; None when nobody gets any."""
        settings = self.settings
        if settings.notices != "device":
            return None
        return Mails(boto3.client("sesv2"), cast("str", settings.mail_sender), settings.mail_configuration_set)

    @cached_property
    def addresses(self) -> Addresses:
        """Whose mail addresses are."""
        return Addresses(self.settings.session_key.get_secret_value().encode())

    @cached_property
    def mail_pace(self) -> Pace:
        """How often a person, and an address, is sent a code."""
        return Pace(60)

    @cached_property
    def notices(self) -> Notices | None:
        """Notices; None when nobody is told."""
        settings = self.settings
        if settings.notices in {"topic", "device"}:
            sns = boto3.client("sns", region_name=settings.data_region)
            phones = TopicNotices(sns, cast("str", settings.notice_topic), settings.base_url)
            return phones if self.mails is None else DeviceNotices(self.mails, phones)
        if settings.notices == "push" and settings.push_key is not None:
            key = settings.push_key.get_secret_value()
            return PushNotices(key, cast("str", settings.push_contact), settings.base_url)
        return None
