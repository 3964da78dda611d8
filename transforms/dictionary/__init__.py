"""The data dictionary: one page made from the catalog and the tables' own definitions."""

from transforms.dictionary.page import dictionary_tables, write_dictionary

__all__ = ["dictionary_tables", "write_dictionary"]
