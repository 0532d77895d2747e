"""Mutation testing of the hand's C: each small wrong change of the code must fail a test.

`run.py` finds the changes (operators.py), compiles them all into one copy of the firmware with a switch
(schemata.py), runs the real tests against each (killing.py), and compares what is left with the compiler's
opinion (equivalence.py) and with the written reasons (accepted.py).
"""
