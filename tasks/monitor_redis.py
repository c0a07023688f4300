"""How the shared Redis is. Without it the platform answers, and each process counts and keeps for itself."""

from __future__ import annotations

import time

from pydantic import SecretStr

from models.monitoring.contract import Figure
from tasks.monitor_looked import Looked, platform_finding

TIMEOUT = 2.0
#: Share of its memory from which on it drops what it keeps, or refuses what is new.
FULL = 0.95
_WITHOUT = (
    "each process counts requests for itself, so that the gateway's limits are higher than they are set, and "
    "no list of recommendations is kept"
)


def look_at_redis(url: SecretStr) -> Looked:
    """Ask it for a sign of life and for its memory. Never raises for one that is away: that is a finding."""
    from redis import Redis, RedisError

    started = time.monotonic()
    try:
        client = Redis.from_url(
            url.get_secret_value(), socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None
        )
    except ValueError as error:
        return Looked((), (platform_finding("Redis", "warning", f"REDIS_URL is no address: {error}."),))
    try:
        with client:
            client.ping()
            figure = Figure("redis: milliseconds", (time.monotonic() - started) * 1e3)
            memory = client.info("memory")
    except (RedisError, OSError) as error:
        # not the address, which may hold a password
        sentence = f"Redis does not answer ({type(error).__name__}): {_WITHOUT}. See REDIS_URL."
        return Looked((), (platform_finding("Redis", "warning", sentence),))
    used, most = int(memory["used_memory"]), int(memory.get("maxmemory") or 0)
    figures = (figure, Figure("redis: bytes", float(used)))
    if not most or used < FULL * most or memory.get("maxmemory_policy") != "noeviction":
        return Looked(figures)
    sentence = (
        f"Redis uses {used / most:.0%} of its memory and refuses what is new: {_WITHOUT}. "
        "Give it more (maxmemory), or let it drop the oldest (maxmemory-policy allkeys-lru)."
    )
    return Looked(figures, (platform_finding("Redis memory", "warning", sentence),))
