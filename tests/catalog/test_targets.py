"""The plan's two readings and the division by population and GDP."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from catalog.divisions import load_divisions
from catalog.errors import UserError
from catalog.targets import HERE, load_targets

targets = load_targets(2019)

# domain.md section 2, in units of ten thousand, 50/50, layout 2020
DOMAIN = {
    "130502": 247.3, "130503": 376.4, "130505": 125.5, "130506": 123.0, "130522": 80.3, "130523": 115.8,
    "130524": 64.9, "130525": 178.4, "130528": 338.5, "130529": 130.2, "130530": 55.5, "130531": 95.3,
    "130532": 125.5, "130533": 177.6, "130534": 190.5, "130535": 123.5, "130571": 69.2, "130581": 160.7,
    "130582": 221.8,
}  # fmt: skip


def test_the_published_table_of_the_2020_layout():
    assert {code: round(quota / 10_000, 1) for code, quota in targets.quotas("2020").items()} == DOMAIN


@pytest.mark.parametrize("layout", ["2019", "2020"])
def test_quotas_sum_exactly_to_the_city_target(layout):
    assert sum(targets.quotas(layout).values()) == 30_000_000 == targets.city_target


def test_every_reporting_unit_of_2019_has_a_quota_and_nobody_else():
    assert list(targets.quotas("2019")) == [u.code for u in load_divisions().units(date(2019, 12, 31))]


def test_every_reporting_unit_of_2020_has_a_quota_with_the_development_zone():
    units = load_divisions().units(date(2020, 12, 31), statistical=True)
    assert list(targets.quotas("2020")) == [u.code for u in units]


def test_the_flat_floor_exceeds_the_city_target_and_the_data_says_so():
    assert targets.county_floor * len(targets.of("2019")) > targets.city_target
    assert "3800万" in targets.contradiction


def test_census_totals_and_gdp_are_kept():
    assert sum(w.population for w in targets.of("2019").values()) == 7_104_103
    assert sum(w.population for w in targets.of("2020").values()) == 7_111_106
    gdp = [sum(w.gdp_yi_yuan for w in targets.of(layout).values()) for layout in ("2019", "2020")]
    assert abs(gdp[0] - gdp[1]) <= 1


def test_what_is_not_an_official_figure_says_so():
    assert {w.confidence for w in targets.of("2019").values()} == {"derived"}
    assert [c for c, w in targets.of("2020").items() if w.confidence == "exact"] == ["130582"]
    assert all("推算" in w.gdp_source for w in targets.of("2019").values())


def test_layout_of_a_day():
    assert targets.layout(date(2020, 6, 22)) == "2019"
    assert targets.layout(date(2020, 6, 23)) == "2020"
    with pytest.raises(UserError, match="区划口径"):
        targets.layout(date(2018, 12, 31))


def test_ties_go_by_code():
    even = targets.weights[0].model_copy(update={"layout": "even", "population": 1})
    trio = tuple(even.model_copy(update={"code": code}) for code in ("3", "1", "2"))
    few = targets.model_copy(update={"weights": trio, "city_target": 11})
    assert few.quotas("even") == {"1": 4, "2": 4, "3": 3}


def test_the_largest_remainder_is_rounded_up():
    one = targets.weights[0].model_copy(update={"layout": "odd"})
    trio = tuple(
        one.model_copy(update={"code": c, "population": n}) for c, n in (("1", 5), ("2", 2), ("3", 1))
    )
    few = targets.model_copy(update={"weights": trio, "city_target": 10, "alpha": 1})
    assert few.quotas("odd") == {"1": 6, "2": 3, "3": 1}  # of 6.25, 2.5 and 1.25


def test_all_population_when_alpha_is_one():
    by_people = targets.model_copy(update={"alpha": 1}).quotas("2019")
    share = targets.of("2019")["130528"].population / 7_104_103
    assert by_people["130528"] == round(30_000_000 * share)


def test_a_year_without_targets_and_an_unknown_key_are_plain_errors(tmp_path: Path):
    with pytest.raises(UserError, match="没有1999年的归集目标"):
        load_targets(1999)
    shutil.copy(HERE / "population_gdp.csv", tmp_path)
    text = (HERE / "2019.yml").read_text(encoding="utf-8")
    (tmp_path / "2019.yml").write_text(text + "\nbonus: 1\n", encoding="utf-8")
    with pytest.raises(UserError, match="bonus"):
        load_targets(2019, tmp_path)


def test_a_wrong_figure_is_named_with_its_line(tmp_path: Path):
    shutil.copy(HERE / "2019.yml", tmp_path)
    text = (HERE / "population_gdp.csv").read_text(encoding="utf-8")
    (tmp_path / "population_gdp.csv").write_text(text.replace("400551", "四十万"), encoding="utf-8")
    with pytest.raises(UserError, match=r"population.*四十万.*不是数字") as error:
        load_targets(2019, tmp_path)
    assert error.value.where == f"{tmp_path / 'population_gdp.csv'}:3"
