"""Cost data, cost forecasts, anomalies, budgets."""
