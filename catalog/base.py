"""What every file of the catalog is made of: frozen models that refuse keys they do not know."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic import Field as Key

Name = Annotated[str, Key(pattern=r"^[a-z][a-z0-9_]*$")]


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Values = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Model(BaseModel):
    """A frozen piece of the catalog that refuses keys it does not know.

    Validators are built when first needed: a task that takes the catalog as an earlier one read it needs none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)
