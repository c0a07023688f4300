from __future__ import annotations

import json
import logging

from config.log import JsonFormatter


def test_a_json_line_carries_extra_fields_and_the_exception() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        record = logging.getLogger("assay.test").makeRecord(
            "assay.test",
            logging.ERROR,
            __file__,
            1,
            "went %s",
            ("wrong",),
            (type(error), error, error.__traceback__),
            extra={"request_id": "r1"},
        )
    entry = json.loads(JsonFormatter().format(record))
    assert entry["message"] == "went wrong"
    assert entry["request_id"] == "r1"
    assert entry["level"] == "ERROR"
    assert "ValueError: no" in entry["exception"]
    assert entry["at"].endswith("+00:00")
