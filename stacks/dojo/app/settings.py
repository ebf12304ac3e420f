"""What a board chooses, by environment variables such as ``CHAT_DATABASE_HOST`` and ``CHAT_INTAKE``."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["CacheToken", "Credentials", "Settings"]

_NEEDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("store", "database"): ("database_host",),
    ("store", "table"): ("table",),
    ("intake", "queue"): ("queue_url", "dead_letter_queue_url"),
    ("fan_out", "cache"): ("cache_url",),
    ("sessions", "cache"): ("cache_url",),
    ("sessions", "table"): ("session_table",),
    ("sign_in", "user_pool"): ("user_pool_id", "user_pool_client"),
    ("latest", "cache"): ("cache_url",),
    ("files", "bucket"): ("bucket", "form_function"),
    ("notices", "topic"): ("notice_topic",),
    ("notices", "push"): ("push_key", "push_contact"),
    ("notices", "device"): ("notice_topic", "mail_sender"),
}


class Credentials(BaseModel):
    """The secret that Amazon RDS keeps in Secrets Manager; it has further fields."""

    model_config = ConfigDict(frozen=True)

    username: str
    password: str


class CacheToken(BaseModel):
    """The secret of an `InMemoryCache`; it may have further fields."""

    model_config = ConfigDict(frozen=True)

    token: SecretStr


class Settings(BaseSettings):
    """The settings of a server or a worker.

    Attributes:
        store: Where messages, people and notices are: in PostgreSQL, or in a DynamoDB table.
        table: Name or ARN of the table.
        data_region: The Region of table, bucket, functions and topic. Default: the server's own.
        replica_region: The Region of a replica of the table that is read instead, while it has what was asked for; what
            is written goes to ``data_region``. Default: none.
        database_host: Address of the writer.
        database_reader_host: Address of readers, for reading what need not be the latest. Default: the writer's.
        database_name: The database.
        database_port: Its port.
        database_secret: The credentials as JSON, read once. A database needs one of this and ``database_secret_id``.
        database_secret_id: The secret in Secrets Manager, read again when the database refuses the password.
        database_ca: File with the certificates that sign the server's. Default: TLS without looking at them.
        database_patience: Seconds for which a request is retried while the database or the table does not answer.
        session_key: Signs sessions; at least 32 bytes.
        session_hours: How long a session lasts.
        sign_in: Who says who somebody is: a ``password`` of the chat, or an Amazon Cognito ``user_pool``; then the chat
            has no passwords, and a name belongs to the member who took it.
        user_pool_id: The pool, such as ``us-west-2_a1B2c3D4e``.
        user_pool_client: The app client whose tokens are accepted.
        intake: Where a message goes first: to the store, whichever it is (``database``), or to a queue that workers
            read.
        queue_url: The FIFO queue.
        dead_letter_queue_url: Where messages go that nobody can read.
        fan_out: How servers learn of each other's messages: by the database, by the cache, or by asking the store every
            second. A table tells nobody, so that it needs one of the others.
        sessions: ``signed`` needs no store; those in the cache, or in a DynamoDB table, can be ended.
        session_table: The table of `StateSharing`.
        latest: Whether the latest messages of a room are kept in the cache.
        cache_url: ``rediss://host:6379``.
        cache_secret: The secret with the cache's AUTH token, as JSON. Default: a cache without one.
        cache_ca: File with the certificates that sign the cache's. Default: those that the system trusts.
        files: Whether people upload to a bucket.
        bucket: The bucket of `DirectObjectUpload`.
        form_function: Its function for forms.
        link_function: The function of a `PrivateCacheDistribution` that signs links to files. Default: links of S3.
        file_index: The table of a `StorageIndex` of the accepted files. Default: nobody can list files.
        notices: How people who are away are told that they were mentioned; ``device`` is by mail who is on a PC, and by
            the topic who has a phone.
        notice_topic: The SNS topic.
        mail_sender: From whom mails are.
        mail_configuration_set: Of SES.
        push_key: VAPID key, as PEM.
        push_contact: ``mailto:`` address that the push services may write to.
        push_hosts: Push services that browsers may name; a name stands for those below it, too.
            ``localhost`` is that of the embedded cloud.
        public_rooms: Whether everybody may read the pages of rooms, which a CDN keeps for a second.
        base_url: Where people reach the chat, for links.
        port: Where HTTP is served.
        grace: Seconds that requests have to end after SIGTERM.
    """

    model_config = SettingsConfigDict(env_prefix="CHAT_", frozen=True)

    store: Literal["database", "table"] = "database"
    table: str | None = None
    data_region: str | None = None
    replica_region: str | None = None
    database_host: str | None = None
    database_reader_host: str | None = None
    database_name: str = "chat"
    database_port: int = 5432
    database_secret: Credentials | None = None
    database_secret_id: str | None = None
    database_ca: str | None = None
    database_patience: float = 8.0
    session_key: SecretStr
    session_hours: float = 12.0
    sign_in: Literal["password", "user_pool"] = "password"
    user_pool_id: str | None = None
    user_pool_client: str | None = None
    intake: Literal["database", "queue"] = "database"
    queue_url: str | None = None
    dead_letter_queue_url: str | None = None
    fan_out: Literal["database", "cache", "polling"] = "database"
    sessions: Literal["signed", "cache", "table"] = "signed"
    session_table: str | None = None
    latest: Literal["none", "cache"] = "none"
    cache_url: str | None = None
    cache_secret: CacheToken | None = None
    cache_ca: str | None = None
    files: Literal["none", "bucket"] = "none"
    bucket: str | None = None
    form_function: str | None = None
    link_function: str | None = None
    file_index: str | None = None
    notices: Literal["none", "topic", "push", "device"] = "none"
    notice_topic: str | None = None
    mail_sender: str | None = None
    mail_configuration_set: str | None = None
    push_key: SecretStr | None = None
    push_contact: str | None = None
    push_hosts: tuple[str, ...] = (
        "fcm.googleapis.com",
        "push.services.mozilla.com",
        "push.apple.com",
        "notify.windows.com",
    )
    public_rooms: bool = False
    base_url: str = ""
    port: int = 8080
    grace: int = 20

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.store == "table":
            if self.fan_out == "database":
                raise ValueError("CHAT_STORE=table needs CHAT_FAN_OUT=cache or polling")
        elif self.replica_region is not None:
            raise ValueError("CHAT_REPLICA_REGION needs CHAT_STORE=table")
        elif (self.database_secret is None) == (self.database_secret_id is None):
            raise ValueError("set one of CHAT_DATABASE_SECRET and CHAT_DATABASE_SECRET_ID")
        if len(self.session_key.get_secret_value().encode()) < 32:  # noqa: PLR2004 - what HS256 asks for
            raise ValueError("CHAT_SESSION_KEY is shorter than 32 bytes")
        for (name, value), needed in _NEEDS.items():
            if getattr(self, name) == value:
                for other in needed:
                    if getattr(self, other) is None:
                        raise ValueError(f"CHAT_{name.upper()}={value} needs CHAT_{other.upper()}")
        return self
