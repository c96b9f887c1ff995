"""Forecasts of cloud spend: by account, service and cost center, to the end of the month and 90 days ahead."""
