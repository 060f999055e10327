"""Snapshots, cohort, features and labels put together into tables."""
