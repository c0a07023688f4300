"""A load of requests as they stand: ``python -m benchmarks.gateway_load URL FILE CLIENTS SECONDS``.

FILE holds one whole HTTP request. Prints what :mod:`benchmarks.load` prints.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from pathlib import Path

from benchmarks.load import drive

if __name__ == "__main__":
    address, request_file, number, duration = sys.argv[1:]
    same = itertools.repeat(Path(request_file).read_bytes())
    print(json.dumps(asyncio.run(drive(address, [same] * int(number), float(duration)))))
