"""One of several processes that decide and reward at once, as ``python -m`` with one JSON object.

It is the service without its HTTP server: the application is called through ASGI.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any

import orjson

from config.settings import load_settings
from serving.application import Application
from tests.integration.serving.experiment_world import make_world

AT_ONCE = 150
REWARDS_A_CALL = 500


async def call(application: Application, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST through ASGI, without a client library: that would be most of the work."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": orjson.dumps(body)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await application(scope, receive, send)
    answer: dict[str, Any] = orjson.loads(sent[1]["body"])
    assert sent[0]["status"] == 200, answer
    return answer


def fate(decision: str) -> tuple[str, int]:
    """What becomes of a decision (never, once, twice, conflict), and its reward: by its id."""
    digest = hashlib.sha256(decision.encode()).digest()
    kind = ("never", "never", "once", "once", "once", "once", "once", "twice", "twice", "conflict")[
        digest[0] % 10
    ]
    return kind, digest[1] % 2


async def decide(application: Application, number: int, answered: Path) -> None:
    """Make decisions; the id of each is in the file once it was answered."""
    left = iter(range(number))
    with answered.open("ab", buffering=0) as file:

        async def client() -> None:
            for turn in left:
                body = {"subject_id": f"subject-{turn % 20_000}"} if turn % 4 == 0 else {}
                found = await call(application, "/experiments/crowd/select", body)
                assert found["in_experiment"], found
                if not found["repeated"]:
                    file.write(f"{found['decision_id']} {found['variant']}\n".encode())

        await asyncio.gather(*[client() for _ in range(AT_ONCE)])


async def reward(application: Application, folder: Path, mine: int, of: int) -> dict[str, int]:
    """Reward the decisions of all processes, in this process's own order; how many of each status."""
    rewards = []
    decisions = [
        line.split()[0] for path in sorted(folder.glob("*.answered")) for line in path.read_text().splitlines()
    ]
    for place, decision in enumerate(decisions):
        kind, value = fate(decision)
        if kind == "twice" or (kind == "once" and place % of == mine):
            rewards.append((decision, value))
        elif kind == "conflict":
            rewards.append((decision, (value + mine) % 2))
    random.Random(mine).shuffle(rewards)
    statuses: dict[str, int] = {}

    async def send(part: list[tuple[str, int]]) -> None:
        body = {"rewards": [{"decision_id": decision, "value": value} for decision, value in part]}
        for result in (await call(application, "/experiments/crowd/reward", body))["results"]:
            statuses[result["status"]] = statuses.get(result["status"], 0) + 1

    for start in range(0, len(rewards), 4 * REWARDS_A_CALL):
        parts = [
            rewards[at : at + REWARDS_A_CALL] for at in range(start, start + 4 * REWARDS_A_CALL, REWARDS_A_CALL)
        ]
        await asyncio.gather(*[send(part) for part in parts if part])
    return statuses


def main(arguments: dict[str, Any]) -> None:
    folder = Path(arguments["folder"])
    world = make_world(load_settings(**arguments["settings"]))
    world.service.start()
    if arguments["work"] == "decide":
        asyncio.run(decide(world.application, arguments["number"], folder / f"{arguments['name']}.answered"))
    else:
        found = asyncio.run(reward(world.application, folder, arguments["mine"], arguments["of"]))
        sys.stdout.write(json.dumps(found))
    world.service.stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
