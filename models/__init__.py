"""Estimators, baselines, calibration and measures over plain arrays."""
