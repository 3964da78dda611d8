"""The published warehouse: what is in it for whom, what is no longer shown, the look-up, the static site."""
