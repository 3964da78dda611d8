"""The vault: sealed, bound to its rows, apart from everything else. What leaks nowhere: tests/attacks/test_leak.py."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from catalog.errors import UserError
from quality.audit import audit
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.secret import identity_key
from warehouse.vault import allow_unsealing, opener, rotate, sealer, vault_key

from .conftest import load

AS_OF = date(2020, 1, 10)
NUMBERS = "SELECT DISTINCT xt_unseal(number, pseudonym) FROM vault.identifier"


def numbers(home: Home) -> set[str]:
    with Lake(home) as lake:
        allow_unsealing(lake)
        return {n for (n,) in lake.execute(NUMBERS).fetchall()}


def violated(home: Home) -> set[str]:
    """Clauses on the vault and on files; that no suite judged the batches is this folder's own doing."""
    with Lake(home) as lake:
        return {o.clause.id for o in audit(lake) if not o.holds} - {"ops_expectation_present"}


def test_a_seal_opens_with_its_key_and_in_its_place_only():
    key = bytes(range(64))
    seal, other = sealer(key), opener(bytes(64))
    sealed = seal("130521197001010017", "p1")
    assert seal("130521197001010017", "p1") == sealed
    assert opener(key)(sealed, "p1") == "130521197001010017"
    assert opener(key)(sealed, "p2") is None
    assert opener(key)(sealed[:-6] + "AAAA==", "p1") is None
    assert other(sealed, "p1") is None


def test_rotation_reseals_everything_and_the_old_key_opens_nothing(home):
    before = numbers(home)
    with Lake(home) as lake:
        old = {n for (n,) in lake.execute("SELECT number FROM vault.identifier").fetchall()}
        assert rotate(lake) > 100
        new = {n for (n,) in lake.execute("SELECT number FROM vault.identifier").fetchall()}
    assert not old & new
    assert numbers(home) == before
    assert (home.secrets / "vault.key").stat().st_mode & 0o077 == 0
    assert violated(home) == set()


class Killed(BaseException):
    """As by SIGKILL: nothing that follows is done."""


@pytest.mark.parametrize("step", ["vault.key", "vault.fingerprint"])
@pytest.mark.parametrize("then", ["audit", "load", "rotate"])
def test_a_rotation_that_was_killed_behind_its_commit_loses_no_number(home, monkeypatch, step, then):
    """Whatever is run next puts the key in force that the vault is sealed with; the second rotation, since the first has
    named the key."""
    before = numbers(home)
    steps.rotate_vault(home)
    replace = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if target.name == step:
            raise Killed
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            steps.rotate_vault(home)
    if then == "load":
        load(str(next(home.landing.glob("*/*/*/*/manifest.json"))), home)
    if then == "rotate":
        steps.rotate_vault(home)
    assert not violated(home)
    assert numbers(home) == before
    assert [path.name for path in home.secrets.iterdir()] == ["vault.key"]


def test_a_key_that_is_none_is_told_with_its_place(home, monkeypatch):
    key = home.private_dir(home.secrets) / "vault.key"
    key.write_bytes(bytes(range(128, 192)))
    with pytest.raises(UserError, match="128位") as told:
        vault_key(home)
    assert str(key) in str(told.value)
    key.unlink()
    monkeypatch.delenv("XTCREDIT_IDENTITY_KEY")
    (home.secrets / "identity.key").write_bytes(bytes(range(128, 160)))
    with pytest.raises(UserError, match="64位"):
        identity_key(home)


def test_without_the_key_all_but_loading_persons_works(home, deliver):
    with Lake(home) as lake:
        rotate(lake)
    (home.secrets / "vault.key").unlink()
    assert numbers(home) == {None}
    steps.integrate(home)
    steps.assess("2019-12", home)
    assert steps.publish(AS_OF, home).publication.rows > 0
    assert violated(home) == set()
    with pytest.raises(UserError, match="找不到号码库密钥"):
        deliver(home, "lawyers", "2020-01", [{"name": "张样例"}])


def test_an_altered_seal_is_found(home):
    with Lake(home) as lake, lake.transaction("tamper") as tx:
        tx.execute("UPDATE vault.identifier SET number = left(number, length(number) - 8) || 'AAAAAAA='")
    assert "vault_pseudonyms" in violated(home)
