"""What publishing costs on the benchmark's city, and the analysts' ten questions; `make bench` measures it with the rest.

The first publication, one without change, a county's own, one after an item-month was delivered again; then every question
of the file's README.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any

from analyst import best, questions

from transforms import steps
from warehouse.home import Home

DAY = date(2020, 1, 25)
COUNTY = "130528"


def publications(home: Home, deliver_again: Callable[[], None]) -> dict[str, Any]:
    """Seconds, tables written and bytes of each publication; seconds of each question and of the slowest."""
    found = published("publish_first", home, None)
    found |= published("publish_unchanged", home, None)
    found |= published("publish_county", home, COUNTY)
    deliver_again()
    found |= published("publish_after_a_month", home, None)
    path = home.publish / "public" / "current.duckdb"
    seconds = {title: round(best(path, sql)[0], 3) for title, sql in questions(path)}
    return found | {"questions_seconds": seconds, "slowest_question_seconds": max(seconds.values())}


def published(name: str, home: Home, county: str | None) -> dict[str, Any]:
    """Seconds of one publication with its pages, tables written, bytes of the file."""
    began = time.perf_counter()
    made = steps.publish(DAY, home, county=county).publication
    return {
        f"{name}_seconds": round(time.perf_counter() - began, 1),
        f"{name}_tables_written": made.written,
        f"{name}_bytes": made.bytes,
        f"{name}_rows": made.rows,
    }
