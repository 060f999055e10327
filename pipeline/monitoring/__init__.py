"""Looks after a published model: its inputs, what it expects, and what came of what it said."""
