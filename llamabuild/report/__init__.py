"""Every rendering of a run, made from the results store alone.

:mod:`~llamabuild.report.material` loads a run and compares it, :mod:`~llamabuild.report.assemble`
turns that into one :class:`~llamabuild.report.document.Document`, and each format is one file that
renders it. Nothing here measures, builds or inspects.
"""
