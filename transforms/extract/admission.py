"""Whether a landed delivery is taken at all, before a row of it is read."""

from __future__ import annotations

from catalog.errors import UserError
from catalog.loader import Catalog
from transforms.extract.drop import day_named
from warehouse.batch import Delivery


def expect_admissible(delivery: Delivery, catalog: Catalog) -> None:
    """Raises `UserError` for what was refused at landing, and for a name with a department, division or day there is not."""
    name = delivery.source_file
    if delivery.refused:
        raise UserError(delivery.refused, where=name, remedy="核对后重新送达；已入库的与其他文件不受影响")
    expect_provider(delivery.department, delivery.division, catalog, where=name)
    day_named(name)


def expect_provider(department: str, division: str | None, catalog: Catalog, *, where: str) -> None:
    """Raises `UserError` unless the catalog knows both; what is from nowhere would count as the city's own."""
    if department not in catalog.departments:
        raise UserError(f"部门“{department}”不在部门表中", where=where, remedy="文件名第二段写部门标识")
    if division is not None and not catalog.divisions.known(division):
        raise UserError(f"区划“{division}”不在区划表中", where=where, remedy="文件名第一段写六位区划代码")
