"""The one place for MLflow: runs, the registry, the user interface, and the plots it shows."""
