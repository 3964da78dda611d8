"""`python -m xtcredit`."""

from xtcredit import main

main()
