"""Schemathesis on a service by the service's own OpenAPI document, bounded, and the same requests each time.

``ASSAY_FUZZ_DEPTH=20`` (``make fuzz``) asks twenty times as much, another seed each time, and shrinks faults.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEPTH = int(os.environ.get("ASSAY_FUZZ_DEPTH", "1"))
SEED = random.SystemRandom().getrandbits(32) if DEPTH > 1 else 7
EXAMPLES = 6
#: A fault that many requests show is told a few times.
TOLD = 3


@dataclass
class Fuzzed:
    """What came of it.

    Attributes:
        statuses: of each operation, such as ``POST /predict``, how often it answered with which status.
        faults: what was wrong: operation, check, what it says, the request as curl has it, the answer.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    _told: Counter[tuple[str, str]] = field(default_factory=Counter)

    def requests(self) -> int:
        """How many were answered."""
        return sum(found.total() for found in self.statuses.values())

    def never_well(self) -> set[str]:
        """The operations of which no request was answered with 2xx."""
        return {name for name, found in self.statuses.items() if not any(200 <= one < 300 for one in found)}

    def note(self, event: Any) -> None:
        """Take in what the engine tells."""
        from schemathesis.engine import events

        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            self.faults.append(f"{event.label}: {event.value}")
        if isinstance(event, events.ScenarioFinished):
            for identity, node in event.recorder.cases.items():
                self._note_case(node.value.operation.label, identity, event.recorder)

    def _note_case(self, operation: str, identity: str, recorder: Any) -> None:
        asked = recorder.interactions.get(identity)
        answer = asked.response if asked is not None else None
        if answer is not None:
            self.statuses.setdefault(operation, Counter())[answer.status_code] += 1
        for check in recorder.checks.get(identity, ()):
            if check.failure_info is None:
                continue
            self._told[operation, check.name] += 1
            if self._told[operation, check.name] <= TOLD:
                said = answer.content[:400] if answer is not None else "no answer"
                failure, sample = check.failure_info.failure, check.failure_info.code_sample
                self.faults.append(f"{operation}: {check.name}: {failure.message}\n  {sample}\n  {said!r}")


def fuzz(
    url: str,
    headers: Mapping[str, str],
    *,
    away: Sequence[str] = (),
    without: Sequence[str] = (),
    forgiving: Sequence[str] = (),
    ids: Mapping[str, Sequence[str]] | None = None,
    edges: bool = True,
) -> Fuzzed:
    """Ask every operation with what fits its schema and with what does not, and look at each answer.

    An answer is a fault where its status, its type or its body is no documented one, where it is 5xx, where it
    accepts what the schema refuses, where a key is not asked for that is said to be needed, and where a method
    that is not there gets anything but 405 with Allow.

    Args:
        url: of the service.
        headers: credentials; schemathesis leaves them out where it looks whether they are asked for.
        away: operations that may answer 503, as what they need is away; ``*`` for all.
        without: operations that are not asked.
        forgiving: operations that take many, answer with 2xx, and tell there which are faulty.
        ids: of parameters of the path, names that exist; half of the requests have one.
        edges: also each limit of each field, one by one, and each other method.
    """
    import schemathesis
    from schemathesis.config import SchemathesisConfig

    config = SchemathesisConfig.from_dict(_configuration(headers, away, forgiving, ids or {}, edges))
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    return _run(schema.exclude(name=list(without)) if without else schema)


def fuzz_document(
    document: dict[str, Any], url: str, headers: Mapping[str, str], *, ids: Mapping[str, Sequence[str]]
) -> Fuzzed:
    """Ask what a document has that a test made; nothing but 5xx is a fault, and 503 is none."""
    import schemathesis
    from schemathesis.config import SchemathesisConfig

    made = _configuration(headers, (), (), ids, edges=False)
    alone = {"enabled": True, "expected-statuses": ["2xx", "3xx", "4xx", "503"]}
    only = {"enabled": False, "not_a_server_error": alone}
    config = SchemathesisConfig.from_dict({**made, "base-url": url, "checks": only})
    return _run(schemathesis.openapi.from_dict(document, config=config))


def _run(schema: Any) -> Fuzzed:
    from schemathesis.engine import from_schema

    found = Fuzzed()
    for event in from_schema(schema).execute():
        found.note(event)
    return found


def _configuration(
    headers: Mapping[str, str],
    away: Sequence[str],
    forgiving: Sequence[str],
    ids: Mapping[str, Sequence[str]],
    edges: bool,
) -> dict[str, Any]:
    busy = {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]}}
    patient = {"negative_data_rejection": {"enabled": False}}
    # Rules between fields are no part of a schema: what fits each field may be refused for two together.
    rules = {"positive_data_acceptance": {"enabled": False}}
    return {
        "seed": SEED,
        "headers": dict(headers),
        "request-timeout": 30,
        "continue-on-failure": True,
        "cache": {"enabled": False},
        "generation": {
            "max-examples": EXAMPLES * DEPTH,
            "deterministic": DEPTH == 1,
            "no-shrink": DEPTH == 1,
            "with-security-parameters": False,
            "database": "none",
        },
        "dictionaries": {name: {"values": list(known)} for name, known in ids.items()},
        "parameters": {f"path.{name}": {"dictionary": name, "probability": 0.5} for name in ids},
        "phases": {"coverage": {"enabled": edges}, "stateful": {"enabled": DEPTH > 1}},
        "checks": {**rules, **(busy if "*" in away else {})},
        "operations": [
            *({"include-name": name, "checks": busy} for name in away if name != "*"),
            *({"include-name": name, "checks": patient} for name in forgiving),
        ],
    }
