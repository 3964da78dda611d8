"""What the commits to the lake are called. A message begins with one of these, followed by what it concerns: by it later steps
tell what has happened since.
"""

from __future__ import annotations

LOAD = "load "
REFUSED = "refused "
DECLARE = "declare "
SCHEMA = "schema "
INTEGRATE = "integrate "
ASSESS = "assess "
MARTS = "marts"
FREEZE = "freeze "
ROLLBACK = "rollback "
ROTATION = "vault rotation"
"""Followed by the fingerprint of the new key."""
