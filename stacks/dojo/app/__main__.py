"""Serves the chat until SIGTERM: connections are closed with 1012 (restart), open requests are completed."""

import logging

import uvicorn

from stacks.dojo.app.application import application
from stacks.dojo.app.settings import Settings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    settings = Settings()
    uvicorn.run(
        application(settings),
        host="0.0.0.0",  # noqa: S104 - in a container
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.grace,
        # Longer than a load balancer keeps a connection (60 s), so that it never sends into one that is closing.
        timeout_keep_alive=75,
        ws_max_size=1000,
    )
