"""Immutable data that flows through the program; see ``DESIGN`` in CONTRIBUTING for the picture.

Everything here is plain data: it can be encoded with :mod:`msgspec`, stored, and read back on
another machine. Units are part of a field's name or its docstring.
"""
