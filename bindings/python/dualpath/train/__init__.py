"""Trains DualPath models: ``dualpath-train recipe.toml``. Needs PyTorch (``dualpath[train]``)."""
