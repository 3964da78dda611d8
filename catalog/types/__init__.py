"""The semantic types: one module each, found by being here. `TYPES` maps a type's id to its only instance."""

from __future__ import annotations

import importlib
import pkgutil

from catalog.types.base import Fault, Repair, SemanticType, Use

__all__ = ["TYPES", "Fault", "Repair", "SemanticType", "Use", "sql_macros"]


def _discover() -> dict[str, SemanticType]:
    found: dict[str, SemanticType] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, SemanticType)
                and value.__module__ == module.__name__
                and hasattr(value, "id")
            ):  # abstract bases have no id
                found[value.id] = value()
    return dict(sorted(found.items()))


TYPES: dict[str, SemanticType] = _discover()


def sql_macros() -> list[str]:
    """`CREATE MACRO` statements of the shared helpers and of every type, in an order in which each finds its parts."""
    from catalog.types.base_sql import SHARED_MACROS

    bodies = [*SHARED_MACROS, *(macro for kind in TYPES.values() for macro in kind.macros)]
    return [f"CREATE OR REPLACE TEMP MACRO {body}" for body in dict.fromkeys(bodies)]
