"""Bellwether's own package, shared by every function: domain, use cases, ports and adapters."""
