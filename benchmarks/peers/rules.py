"""The rules that the peers check, read from the same catalog: what a careful engineer would write down for each file.

Less than ours: no check digits, no rules between fields, no attribution by household or address, no look-alike headers.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from catalog.loader import load_catalog

_AREA_AT = {"division": 1, "resident_id": 1, "person_document": 1, "uscc": 3}
"""Where the six digits of a county begin in a code of the type, the surest first."""


@dataclass(frozen=True)
class Table:
    """One item: its files by period, and what is asked of its rows."""

    item: str
    files: dict[str, str]
    columns: dict[str, str]
    """Heading to name."""
    required: tuple[str, ...]
    dates: tuple[str, ...]
    codes: dict[str, tuple[str, ...]]
    """Field to its permitted values: codes, their titles and what else departments write for them."""
    key: tuple[str, ...]
    area: str | None
    """The field whose six digits from `area_at` tell the county."""
    area_at: int


def tables(folder: Path, rows: int | None = None) -> list[Table]:
    """The items of a benchmark's city (benchmarks/city.py); its first months only, as many as give about `rows` rows."""
    told = json.loads((folder / "city.json").read_text("utf-8"))
    periods = sorted(next(iter(told["files"].values())))
    if rows is not None:
        periods = periods[: max(1, round(len(periods) * rows / told["rows"]))]
    catalog = load_catalog()
    found = []
    for name, files in told["files"].items():
        item = catalog.item(name)
        with Path(files[periods[0]]).open(encoding="utf-8") as file:
            headings = file.readline().rstrip("\r\n").split(",")
        fields = [f for f in item.fields if f.title in headings]
        named = {f.name for f in fields}
        areas = [f for kind in _AREA_AT for f in fields if f.type == kind]
        codes = {f.name: catalog.code_list(f, None) for f in fields if f.type == "code" and f.list}
        found.append(
            Table(
                item=name,
                files={p: files[p] for p in periods},
                columns={f.title: f.name for f in fields},
                required=tuple(f.name for f in fields if f.required is True),
                dates=tuple(f.name for f in fields if f.type == "date"),
                codes={
                    n: tuple(sorted({word for c in listed.codes for word in (c.code, c.title, *c.accept)}))
                    for n, listed in codes.items()
                    if listed is not None
                },
                key=tuple(k for k in item.key if k in named),
                area=areas[0].name if areas else None,
                area_at=_AREA_AT[areas[0].type] if areas else 0,
            )
        )
    return found
