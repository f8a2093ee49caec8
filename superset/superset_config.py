"""Superset's configuration: what differs from its defaults, and why.

Law of this file: it reads the environment that `start` sets and nothing else; nothing here may make Superset,
or a browser that shows it, speak to another machine; and chart data is never cached, because a dashboard that
refreshes itself has to show the rows of this second.
"""

import logging
import os
from typing import Any

from superset.utils.log import DBEventLogger

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.environ['SUPERSET_DATABASE']}"
# Several threads write to one file: wait for each other (seconds) instead of failing.
SQLALCHEMY_ENGINE_OPTIONS = {"connect_args": {"timeout": 30}}

# Chart data comes from Druid each time. What Superset keeps for itself (filter states, explore forms) stays in
# its metadata database, its default.
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
THUMBNAIL_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}

# One process counts all log-ins, so its memory is the right place.
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = "memory://"
# Log-ins are limited (5 a second); opening a page takes a hundred files at once, which is no attack.
RATELIMIT_APPLICATION = "1000 per second"

# Browsers keep cookies by host, not by port: two stacks on one machine must not log each other out.
SESSION_COOKIE_NAME = f"superset_{os.environ['SUPERSET_PORT']}"
SESSION_COOKIE_SAMESITE = "Lax"

# Only this server: no tracking pixel, no web font, no map tiles. `strict-dynamic` and the nonce are Superset's
# own; `data:` and `blob:` are pictures that its page draws itself; inline styles are how its charts are styled.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "font-src": ["'self'", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
ENABLE_CORS = False

# A refresh of the dashboard asks for every chart every few seconds. Recording each step of each of these reads in
# the action log would fill the database with nothing; everything that people do is still recorded.
UNRECORDED = (
    "ChartDataRestApi.",
    "QueryObject.",
    "_get_data_response",
    "execute_sql",
    "fetch_rows",
    "load_into_dataframe",
    "csrf_token",
)


class EventLogger(DBEventLogger):
    """Superset's action log, without the charts' own reads."""

    def log(self, user_id: int | None, action: str, *args: Any, **kwargs: Any) -> None:
        if not action.startswith(UNRECORDED):
            super().log(user_id, action, *args, **kwargs)


EVENT_LOGGER = EventLogger()

# Told at every start: that the tables are there.
logging.getLogger("alembic").setLevel(logging.WARNING)

# No alerts, no reports, no thumbnails: they need a queue, a broker for it and a browser.
FEATURE_FLAGS = {"DRUID_JOINS": True}
