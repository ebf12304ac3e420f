"""The chat's API, without HTTP: rooms, logs of messages, attachments."""
