"""Catalogue, bundles, training, quality gate, registry, deployment, prediction, routing of experiments, archive."""
