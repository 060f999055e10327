"""Compares what the sources hold with what they held before, so that no broken export is scored.

`profile` is what is kept of the sources, `measure` takes it from the loaded tables, `compare` finds
what differs between two of them, `crossings` counts the accounts that fell silent meanwhile, and
`lines` puts it into words.
"""
