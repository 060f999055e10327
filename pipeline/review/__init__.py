"""What a person needs to decide on a version: the comparison, the gate, and the page in its run."""
