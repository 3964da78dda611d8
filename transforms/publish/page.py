"""The static pages beside a published file."""

from __future__ import annotations

from pathlib import Path

from catalog.loader import Catalog
from transforms.publish.tables import Audience
from warehouse.lake import Lake
from warehouse.publish import Publication


def write_pages(
    lake: Lake, catalog: Catalog, audience: Audience, publication: Publication, folder: Path
) -> list[Path]:
    return []
