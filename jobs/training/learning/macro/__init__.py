"""The macro model: the unemployment rate (or another monthly series) some months ahead."""
