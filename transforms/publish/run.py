"""One publication: the state of the records, the tables of the audience, the file, the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from catalog.errors import UserError
from catalog.loader import Catalog
from transforms.publish.page import write_pages
from transforms.publish.state import hide
from transforms.publish.tables import Audience, published_tables
from warehouse import publications
from warehouse.lake import Lake
from warehouse.publish import Publication, write_publication
from warehouse.secret import derived_key, pseudonym_macro

KEEP = 3
"""Versions kept of each audience's file."""


@dataclass(frozen=True)
class Published:
    """The file and its pages."""

    publication: Publication
    pages: tuple[Path, ...]


def audience_of(
    catalog: Catalog, *, name: str, grant: tuple[str, ...], county: str | None, as_of: date
) -> Audience:
    """The audience as asked for; raises `UserError` for a county, an item or a name that cannot be."""
    if county is not None:
        units = {d.code: d.name for d in catalog.divisions.units(as_of, statistical=True)}
        if county not in units:
            raise UserError(
                f"没有县（市、区）“{county}”",
                where="--county",
                remedy=f"写 {as_of} 时的区划代码：{'、'.join(sorted(units))}",
            )
        if name != "public":
            raise UserError(
                "一个县（市、区）的一份不另写读者", where="--audience", remedy="去掉 --audience 或 --county"
            )
        name = f"county-{county}"
    elif name.startswith("county-"):
        # It would put the whole city's into the county's folder, under the county's pseudonyms.
        raise UserError(
            f"读者名“{name}”留给县（市、区）", where="--audience", remedy="改用 --county，或另写读者名"
        )
    if not re.fullmatch("[a-z][a-z0-9-]{0,39}", name):
        raise UserError(
            f"读者名“{name}”写法不符", where="--audience", remedy="用小写字母、数字、连字符，以字母开头"
        )
    if grant and name == "public":
        raise UserError("向社会公开的文件不能含政务共享内容", where="--grant", remedy="另写 --audience")
    granted = frozenset(catalog.item(g).id for g in grant)
    if refused := sorted(g for g in granted if catalog.items[g].share == "authorised"):
        raise UserError(
            f"“{catalog.items[refused[0]].title}”须本人授权查询，不能整批提供",
            where="--grant",
            remedy="用 xtcredit check 逐件查询",
        )
    return Audience(name, granted, county)


def publish(lake: Lake, catalog: Catalog, audience: Audience, as_of: date) -> Published:
    """Publish the lake as it is now for an audience, as of a day: `publish/<audience>/current.duckdb` and pages beside it."""
    with lake.at(lake.snapshot_id()) as frozen:
        # Of the lake's own pseudonyms nothing goes out: each audience has its own, made from them with a key of its own,
        # so that two files cannot be joined and none helps to tell who is meant from the number.
        frozen.execute(pseudonym_macro(derived_key(frozen.home, f"publish {audience.id}"), "xt_public"))
        hide(frozen, catalog, as_of)
        tables = published_tables(frozen, catalog, audience, as_of)
        folder = frozen.home.publish / audience.id
        after = publications.last_version(frozen.home, audience.id)
        publication = write_publication(frozen, folder, tables, keep=KEEP, after=after)
        # After the swap: a version cut off in between is recorded by the next publication, which finds it unchanged.
        publications.record(
            frozen.home,
            audience=audience.id,
            county=audience.county,
            granted=tuple(sorted(audience.granted)),
            version=publication.version,
            as_of=str(as_of),
            snapshot=frozen.snapshot_id(),
        )
        pages = write_pages(frozen, catalog, audience, publication, folder)
    return Published(publication, tuple(pages))
