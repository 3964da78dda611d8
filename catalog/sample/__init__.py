"""Sample deliveries made from the catalog alone, with the truth beside them."""

from catalog.sample.generate import GeneratedFile, Truth, generate

__all__ = ["GeneratedFile", "Truth", "generate"]
