"""Who lives and works in the sample's city: the same seed gives the same organisations and persons to
every item.

Nothing is stored: organisation `i` of a group and person `j` are functions of the seed and the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.divisions import CITY, Divisions
from catalog.sample import digits, words
from catalog.sample.draw import Bools, Draw, Ints

EPOCH = date(1970, 1, 1)
LAYOUT_DAY = date(2019, 12, 31)
"""Codes keep the digits they were issued with, so the sample's are those of the layout of 2019."""
BORN_FROM, BORN_DAYS = (date(1940, 1, 1) - EPOCH).days, (date(2000, 1, 1) - date(1940, 1, 1)).days
FOUNDED_FROM, FOUNDED_DAYS = (date(1990, 1, 2) - EPOCH).days, (date(2018, 1, 1) - date(1990, 1, 2)).days


@dataclass(frozen=True)
class Group:
    """A group of organisations: the first two characters of its codes (GB 32100 table 1) and how new
    codes begin.
    """

    name: str
    prefixes: tuple[str, ...]
    head: str
    registration: str


GROUPS: tuple[Group, ...] = (
    Group("enterprise", ("91",), "MA", "2"),
    Group("individual_business", ("92",), "MA", "6"),
    Group("cooperative", ("93",), "MA", "3"),
    Group("social_organization", ("51", "52", "53"), "MJ", "1"),
    Group("public_institution", ("12",), "MB", "1"),
    Group("government_organ", ("11", "13"), "MB", "1"),
    Group("other_organization", ("31",), "MD", "1"),
    Group("village_committee", ("54",), "ME", "1"),
)
GROUP_NUMBER = {group.name: number for number, group in enumerate(GROUPS)}
PREFIXES = {prefix: number for number, group in enumerate(GROUPS) for prefix in group.prefixes}


def pick(vocabulary: tuple[str, ...], index: Ints) -> pa.StringArray:
    """The word at each index."""
    return pa.array(vocabulary, pa.string()).take(pa.array(index))


def join(*parts: pa.StringArray | str) -> pa.StringArray:
    """Texts put one behind the other, row by row."""
    joined = pc.binary_join_element_wise(*parts, "")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


@dataclass(frozen=True)
class Population:
    """The organisations and persons of one seed."""

    seed: int
    divisions: Divisions

    @cached_property
    def draw(self) -> Draw:
        """Where all of the population comes from."""
        return Draw(f"population/{self.seed}")

    @cached_property
    def counties(self) -> tuple[tuple[str, str], ...]:
        """Code and name of the reporting units."""
        return tuple((unit.code, unit.name) for unit in self.divisions.units(LAYOUT_DAY))

    @cached_property
    def towns(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Code and name of the towns of each county, the county itself where it has none."""
        found: dict[str, list[tuple[str, str]]] = {code: [] for code, _ in self.counties}
        for row in self.divisions.rows:
            if (
                row.level == "town"
                and row.kind == "gb10114"
                and row.valid(LAYOUT_DAY)
                and row.parent in found
            ):
                found[row.parent].append((row.code, row.name))
        return tuple(tuple(sorted(found[code])) or ((code, name),) for code, name in self.counties)

    @cached_property
    def _old_regions(self) -> tuple[str, ...]:
        """Regions in the ID numbers of people registered before the prefecture became a city (1322xx)."""
        return tuple(
            sorted(
                {
                    row.code
                    for row in self.divisions.rows
                    if row.code.startswith("1322") and row.level == "county"
                }
            )
        )

    # --- organisations
    # -------------------------------------------------------------------------------------------

    def _own(self, group: Ints, index: Ints) -> Ints:
        """One number for each organisation of all groups."""
        return index * len(GROUPS) + group

    def org_county(self, group: Ints, index: Ints) -> Ints:
        """Position in `counties` of the county an organisation belongs to."""
        return self.draw.of("org county").below(len(self.counties), self._own(group, index))

    def prefix(self, group: Ints, index: Ints) -> pa.StringArray:
        """First two characters of the code."""
        chosen = self.draw.of("prefix").below(6, self._own(group, index))
        options = [g.prefixes[k % len(g.prefixes)] for g in GROUPS for k in range(6)]
        return pick(tuple(options), group * 6 + chosen)

    def registrar(self, group: Ints, index: Ints) -> Ints:
        """Region digits of the code: the county, the city, or the city's own offices 130501 and 130506."""
        county = np.array([int(code) for code, _ in self.counties], dtype=np.int64)[
            self.org_county(group, index)
        ]
        kind = self.draw.of("registrar").below(100, self._own(group, index))
        market = np.isin(group, [GROUP_NUMBER["enterprise"]])
        region = np.where(kind < 12, int(CITY), county)
        return np.where(market & (kind == 98), 130501, np.where(market & (kind == 99), 130506, region))

    def _org_matrix(self, group: Ints, index: Ints) -> digits.Bytes:
        own = self._own(group, index)
        # Multiplication by a number coprime to the modulus scatters without repeating.
        modern = digits.base31(own * 387_420_489 % 31**6, 6)
        heads = np.array([list(g.head.encode()) for g in GROUPS], dtype=np.uint8)[group]
        old = digits.number(own * 38_196_601 % 90_000_000 + 10_000_000, 8)
        aged = (self.draw.of("aged code").below(10, own) < 3) & (own < 90_000_000)
        return digits.org_code(np.where(aged[:, None], old, np.hstack([heads, modern])))

    def org_code(self, group: Ints, index: Ints) -> pa.StringArray:
        """Organisation code (GB 11714)."""
        return digits.strings(self._org_matrix(group, index))

    def uscc(
        self, group: Ints, index: Ints, prefix: pa.StringArray | None = None, region: int | None = None
    ) -> pa.StringArray:
        """Unified social credit code; with another prefix or registrar it is some other body's code,
        but valid.
        """
        first = self.prefix(group, index) if prefix is None else prefix
        head = np.frombuffer("".join(first.to_pylist()).encode(), dtype=np.uint8).reshape(len(index), 2)
        regions = (
            self.registrar(group, index) if region is None else np.full(len(index), region, dtype=np.int64)
        )
        return digits.strings(digits.uscc(head, digits.number(regions, 6), self._org_matrix(group, index)))

    def registration_no(self, group: Ints, index: Ints) -> pa.StringArray:
        """Business registration number (GS 15-2006)."""
        first = np.array([int(g.registration) for g in GROUPS], dtype=np.int64)[group]
        serial = (self._own(group, index) * 7_654_321) % 10_000_000
        head = np.hstack(
            [digits.number(self.registrar(group, index), 6), digits.number(first * 10_000_000 + serial, 8)]
        )
        return digits.strings(digits.registration_no(head))

    def org_name(self, group: Ints, index: Ints) -> pa.StringArray:
        """Registered name, after the custom of each group."""
        own = self._own(group, index)
        draw = self.draw.of("org name")
        county = self.org_county(group, index)
        names = tuple(name for _, name in self.counties)
        places = pick(
            (
                *names,
                *(f"邢台市{name}" for name in names),
                *("邢台市",) * len(names),
                *("河北",) * len(names),
            ),
            county + len(names) * draw.of("place").below(4, own),
        )
        brand = join(
            pick(words.BRAND_FIRST, draw.of("first").below(len(words.BRAND_FIRST), own)),
            pick(words.BRAND_SECOND, draw.of("second").below(len(words.BRAND_SECOND), own)),
        )
        local = pick(names, county)
        result: pa.StringArray = pa.nulls(len(index), pa.string())

        def some(vocabulary: tuple[str, ...], part: str, where: Ints) -> pa.StringArray:
            return pick(vocabulary, draw.of(part).below(len(vocabulary), own[where]))

        for number, group_ in enumerate(GROUPS):
            where = np.flatnonzero(group == number)
            if not len(where):
                continue
            rows = pa.array(where)
            place, home, mark = places.take(rows), local.take(rows), brand.take(rows)
            match group_.name:
                case "enterprise":
                    texts = join(
                        place,
                        mark,
                        some(words.TRADES, "trade", where),
                        some(words.COMPANY_FORMS, "form", where),
                    )
                case "individual_business":
                    texts = join(home, mark, some(words.SHOPS, "shop", where))
                case "cooperative":
                    texts = join(home, mark, some(words.COOP_TRADES, "coop", where), "农民专业合作社")
                case "social_organization":
                    service = draw.of("society").below(2, own[where]) == 0
                    texts = join(
                        home,
                        mark,
                        pc.if_else(
                            pa.array(service),
                            some(words.SOCIETIES, "soc", where),
                            some(words.SERVICES, "srv", where),
                        ),
                    )
                case "public_institution":
                    texts = join(home, some(words.INSTITUTIONS, "institution", where))
                case "government_organ":
                    texts = join(home, some(words.ORGANS, "organ", where))
                case "other_organization":
                    texts = join("河北", mark, "律师事务所")
                case _:
                    texts = join(home, some(words.VILLAGES, "village", where), mark, "村村民委员会")
            chosen = np.zeros(len(index), dtype=bool)
            chosen[where] = True
            result = pc.replace_with_mask(result, pa.array(chosen), texts)
        return result

    def org_address(self, group: Ints, index: Ints, salt: Ints) -> pa.StringArray:
        """Address: county, town, street and number; another number for each move."""
        own = self._own(group, index)
        return self._address(self.org_county(group, index), self.draw.of("org address"), own, salt)

    def town(self, county: Ints, draw: Draw, own: Ints) -> Ints:
        """Position in the flattened list of towns for someone of a county."""
        sizes = np.array([len(towns) for towns in self.towns], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        position: Ints = starts[county] + draw.of("town").below(1 << 62, own) % sizes[county]
        return position

    @cached_property
    def flat_towns(self) -> tuple[tuple[str, str], ...]:
        """All towns, county by county."""
        return tuple(town for towns in self.towns for town in towns)

    def _address(self, county: Ints, draw: Draw, own: Ints, salt: Ints) -> pa.StringArray:
        return join(
            "河北省邢台市",
            pick(tuple(name for _, name in self.counties), county),
            pick(tuple(name for _, name in self.flat_towns), self.town(county, draw, own)),
            pick(words.STREETS, draw.of("street").below(len(words.STREETS), own)),
            "路",
            pc.cast(pa.array(draw.of("number").below(899, own) + 1 + salt), pa.string()),
            "号",
        )

    def founded(self, group: Ints, index: Ints) -> Ints:
        """Day of foundation, in days since 1970: 1990 to 2017."""
        return FOUNDED_FROM + self.draw.of("founded").below(FOUNDED_DAYS, self._own(group, index))

    def chief(self, group: Ints, index: Ints) -> Ints:
        """Number of the person who represents an organisation."""
        return self.draw.of("chief").below(5_000_000, self._own(group, index))

    # --- persons ------------------------------------------------------------------------------------
    # -------------

    def _slot(self, person: Ints) -> Ints:
        return person * 15_485_863 % (BORN_DAYS * 999)

    def born(self, person: Ints) -> Ints:
        """Birth date, in days since 1970: 1940 to 1999, so that all are of age."""
        return BORN_FROM + self._slot(person) // 999

    def sequence(self, person: Ints) -> Ints:
        """The three digits that tell people of one place and day apart; odd for men."""
        return self._slot(person) % 999 + 1

    def male(self, person: Ints) -> Bools:
        """Whether the number is a man's."""
        odd: Bools = self.sequence(person) % 2 == 1
        return odd

    def home(self, person: Ints) -> Ints:
        """Position in `counties` of the county where a person is registered."""
        return self.draw.of("home").below(len(self.counties), person)

    def resident_id(self, person: Ints, born: Ints | None = None) -> pa.StringArray:
        """Resident ID number (GB 11643); some keep a region code of before 1993 for life."""
        counties = np.array([int(code) for code, _ in self.counties], dtype=np.int64)
        old = np.array([int(code) for code in self._old_regions] or [130521], dtype=np.int64)
        aged = self.draw.of("old region").below(100, person) < 15
        region = np.where(
            aged, old[self.draw.of("region").below(len(old), person)], counties[self.home(person)]
        )
        days = (self.born(person) if born is None else born).astype("datetime64[D]")
        months = days.astype("datetime64[M]").astype(np.int64)
        ymd = (1970 + months // 12) * 10_000 + (months % 12 + 1) * 100
        ymd += (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
        head = np.hstack(
            [digits.number(region, 6), digits.number(ymd, 8), digits.number(self.sequence(person), 3)]
        )
        return digits.strings(digits.resident_id(head))

    def person_name(self, person: Ints, salt: Ints | None = None) -> pa.StringArray:
        """Name: surname and one or two characters, a few rare ones, a few with a dot."""
        draw = self.draw.of("person name")
        key = person if salt is None else person + salt * 1_000_003
        surname = pick(
            (*words.SURNAMES, *words.RARE_SURNAMES),
            draw.of("surname").below(len(words.SURNAMES) + 1, person),
        )
        given = words.MALE_GIVEN + words.FEMALE_GIVEN
        half = len(words.MALE_GIVEN)
        male = self.male(person)

        def character(part: str) -> pa.StringArray:
            his, hers = (
                draw.of(part).below(half, key),
                draw.of(part).below(len(words.FEMALE_GIVEN), key) + half,
            )
            return pick(given, np.where(male, his, hers))

        first, second = character("first"), character("second")
        kind = draw.of("kind").below(1000, person)
        second = pc.if_else(pa.array(kind < 250), "", second)
        second = pc.if_else(
            pa.array(kind >= 990),
            pick(words.RARE_GIVEN, draw.of("rare").below(len(words.RARE_GIVEN), person)),
            second,
        )
        # The salt must show even where two draws agree, so a changed name also carries its number in
        # characters.
        mark = "" if salt is None else pick(("", *"一二三四五六七八九"), np.minimum(salt % 10, 9))
        whole = join(surname, first, second, mark)
        dotted = pick(words.DOTTED_NAMES, draw.of("dotted").below(len(words.DOTTED_NAMES), person))
        return pc.if_else(pa.array((kind == 500) & (salt is None or (salt == 0))), dotted, whole)

    def person_address(self, person: Ints, salt: Ints) -> pa.StringArray:
        """Where a person lives."""
        return self._address(self.home(person), self.draw.of("person address"), person, salt)
