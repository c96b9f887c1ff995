"""What every context uses: errors, decisions, clock, settings, observability, Postgres, S3, secrets."""
