"""The laptop's cloud: an emulator for AWS, a local SageMaker, and PostgreSQL, all on loopback below one folder.

Parts of it run in environments of their own, so this module imports nothing.
"""
