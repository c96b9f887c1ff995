"""ministack with the gaps closed that the application would fall into.

Runs in ministack's own environment (`.venvs/ministack`): the modules here import only ministack, boto3 and the
standard library. Each closes one gap in `apply()`, and says so loudly when an upgrade has moved what it patches.
"""
