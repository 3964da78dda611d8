"""The version changes with everything the lake's reference tables and judgements rest on."""

from dataclasses import replace

from catalog.divisions import Divisions
from catalog.loader import load_catalog


def test_it_follows_every_part_of_the_catalog():
    catalog = load_catalog()
    first = next(iter(catalog.departments.values()))
    versions = {
        changed.version
        for changed in (
            catalog,
            replace(catalog, items=dict(list(catalog.items.items())[1:])),
            replace(catalog, lists=dict(list(catalog.lists.items())[1:])),
            replace(catalog, libraries=dict(list(catalog.libraries.items())[1:])),
            replace(catalog, departments=catalog.departments | {first.id: replace(first, name="改名局")}),
            replace(catalog, divisions=Divisions(catalog.divisions.rows[1:])),
        )
    }
    assert len(versions) == 6
    assert catalog.version in versions
