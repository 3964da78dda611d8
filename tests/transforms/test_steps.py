"""Files given by hand, and files that are refused: what is loaded stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.errors import UserError
from transforms import steps
from warehouse.batch import Verdict
from warehouse.home import Home
from warehouse.lake import Lake

ITEM, PERIOD = "government_organ_codes", "2019-12"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file of one organ, under a name that says nothing."""
    from catalog.loader import load_catalog
    from catalog.period import Period
    from catalog.sample import generate

    made = generate(
        load_catalog(), tmp_path / "made", items=[ITEM], periods=[Period(2019, 12)], rows=20, seed=5,
        fault_share=0, duplicate_share=0, update_share=0, set_aside_share=0, noise_share=0, kinds=("csv",),
    )  # fmt: skip
    path = tmp_path / "数据.csv"
    # The seed chose GB18030 with a footer; plain lines are easier to spoil.
    lines = made[0].path.read_text("gb18030").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("合计")), "utf-8")
    return path


def ingest(file: Path, home: Home, *, replace: bool = False) -> int:
    manifest = steps.hand_over(file, ITEM, PERIOD, home, replace=replace)
    return steps.load(steps.judge(steps.stage(manifest, home), home), home)["new"]


def state(home: Home) -> dict[str, str]:
    with Lake(home) as lake:
        return steps.state_hash(lake, ("rec", "core"))


def test_a_file_of_the_same_name_replaces_only_when_told_to(home: Home, file: Path) -> None:
    loaded = ingest(file, home)
    before = state(home)
    assert ingest(file, home) == loaded  # the very same bytes may come again
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(UserError, match="--replace"):
        ingest(file, home)
    assert state(home) == before
    assert ingest(file, home, replace=True) == loaded - 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: b"",
        lambda good: good.splitlines(keepends=True)[0],
        lambda good: b"PK\x03\x04" + good,
        lambda good: good.replace("统一社会信用代码".encode(), "婚姻状况".encode(), 1),
        lambda good: b"\xef\xbb\xbfa,b,c\n1,2,3\n",
    ],
    ids=["empty", "header only", "broken workbook", "forbidden column", "wrong template"],
)
def test_a_refused_file_leaves_what_is_loaded(home: Home, file: Path, spoil) -> None:
    ingest(file, home)
    before = state(home)
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(UserError) as refused:
        ingest(file, home, replace=True)
    assert "\n" not in str(refused.value)
    assert "处理办法" in str(refused.value)
    assert state(home) == before
    with Lake(home) as lake:
        assert lake.scalar("SELECT count(*) FROM ops.outcome WHERE success = 0") == 1


def test_a_load_repeated_after_its_commit_answers_from_the_lake(home: Home, file: Path) -> None:
    verdict = steps.judge(steps.stage(steps.hand_over(file, ITEM, PERIOD, home), home), home)
    first = steps.load(verdict, home)
    assert not list(Path(verdict).parent.glob("*.parquet"))  # no clear number outlives the load
    before = state(home)
    assert steps.load(verdict, home) == first
    assert state(home) == before


def test_a_batch_staged_under_another_catalog_is_not_loaded(home: Home, file: Path) -> None:
    verdict = Path(steps.judge(steps.stage(steps.hand_over(file, ITEM, PERIOD, home), home), home))
    judged = Verdict.from_file(verdict)
    older = judged.model_copy(update={"batch": judged.batch.model_copy(update={"catalog_version": "0" * 12})})
    older.to_file(verdict)
    with pytest.raises(UserError, match="从 stage 步骤起重跑"):
        steps.load(str(verdict), home)
