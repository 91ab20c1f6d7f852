"""The search for the fastest configuration: levers, stages, judgement, log.

Nothing here builds, measures or looks at a clock: a :class:`~.lab.Lab` does.
"""
