"""How the data moves."""
