"""Psi4 behind JSON lines: a program of its own, run by the interpreter that can import psi4.

It uses only the standard library, numpy and psi4, and knows nothing of reactal: `psi4_process` starts the folder by its
path. One request a line on standard input, one answer a line on standard output; whatever Psi4 itself prints goes to files
in the scratch folder. Lengths are angstrom in requests, atomic units in answers.

It ends when its standard input is closed, and at once, in the middle of a calculation, when its parent dies.
"""
