"""The tone of a headline for each company that it names: marked names, roles between them, clauses that they own."""
