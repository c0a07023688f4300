from __future__ import annotations

import json
import logging

from config.context import reset_traceparent, set_request_id, set_traceparent
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


def line(formatter: JsonFormatter, message: str = "said", **extra: str) -> dict[str, str]:
    logger = logging.getLogger("assay.test")
    record = logger.makeRecord("assay.test", logging.INFO, __file__, 1, message, (), None, extra=extra)
    found: dict[str, str] = json.loads(formatter.format(record))
    return found


def test_a_json_line_names_its_service_request_and_trace_while_there_are_any() -> None:
    formatter = JsonFormatter("viral")
    set_request_id("r-1")
    token = set_traceparent(f"00-{'ab' * 16}-{'cd' * 8}-01")
    during = line(formatter)
    reset_traceparent(token)
    set_request_id(None)
    after = line(formatter)
    assert (during["service"], during["request_id"], during["trace_id"]) == ("viral", "r-1", "ab" * 16)
    assert after["service"] == "viral"
    assert not {"request_id", "trace_id"} & set(after)


def test_what_a_line_belongs_to_is_asked_when_it_is_written() -> None:
    context = {"flow_run_id": "one"}
    formatter = JsonFormatter(context=lambda: context)
    first = line(formatter)
    context["flow_run_id"] = "two"
    assert (first["flow_run_id"], line(formatter)["flow_run_id"]) == ("one", "two")
    assert "service" not in first
