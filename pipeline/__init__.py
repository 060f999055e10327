"""From sources to published scores: everything that runs the definitions and the models."""
