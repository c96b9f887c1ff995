"""`bellwether demo`: the whole system, once through, on this machine."""
