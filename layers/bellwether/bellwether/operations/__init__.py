"""Watchdog, migrations, the ledger's function."""
