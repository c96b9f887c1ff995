"""From a frozen dataset to an evaluated model bundle. Imported as `learning` in the container."""
