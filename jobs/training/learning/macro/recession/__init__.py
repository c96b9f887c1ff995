"""The macro model's second head: the probability of a US recession within twelve months."""
