"""The `backtest` command: CSV files in, a simulation of the live signal rule, figures and a chart out."""
