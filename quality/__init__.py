"""Judging: row rules, set expectations, the gate before a load, the audit behind `xtcredit verify`."""
