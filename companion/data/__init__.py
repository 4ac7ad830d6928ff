"""The images and weights that the book works with, and the readers for them.

Importing this package loads nothing and downloads nothing. `companion.data.carriers` says what
there is; `python -m companion.data install` puts it on this machine.
"""
