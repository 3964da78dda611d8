"""The vault: sealed, bound to its rows, apart from everything else. What leaks nowhere: tests/attacks/test_leak.py."""

from __future__ import annotations

from datetime import date

import pytest

from catalog.errors import UserError
from quality.audit import audit
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.vault import allow_unsealing, opener, rotate, sealer

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
