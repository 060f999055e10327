"""What reads after a snapshot: labels and outcomes, for training and reports on the past only."""
