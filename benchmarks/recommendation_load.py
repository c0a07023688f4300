"""Lists for many users in turns: ``python -m benchmarks.recommendation_load URL USERS_FILE CLIENTS SECONDS``.

The file holds a user's id a line. As :mod:`benchmarks.load`, its own process on raw sockets; prints one JSON
object.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from pathlib import Path

from benchmarks.load import drive, post

LIMIT = 20

if __name__ == "__main__":
    address, users_file, number, duration = sys.argv[1:]
    names = Path(users_file).read_text().split()
    bodies = [json.dumps({"user_id": user, "limit": LIMIT}).encode() for user in names]
    turns = itertools.cycle([post(address, body) for body in bodies])
    print(json.dumps(asyncio.run(drive(address, [turns] * int(number), float(duration)))))
