"""From a registered model to a published, ranked list."""
