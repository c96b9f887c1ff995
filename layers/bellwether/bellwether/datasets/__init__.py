"""FRED series and vintages, house sales, quarantine, published datasets."""
