"""The command line: one module a verb group; parse, call the pipeline, print, exit code.

Only `root` is imported at start, and it imports click alone: a verb's module is imported when the
verb is used, and the heavy libraries inside the function that needs them.
"""

COMPLETION_VARIABLE = "_FLEETDIAG_COMPLETE"
"""What a shell sets to ask for completions."""
