"""The embedded cloud: an AWS emulator, a local SageMaker and PostgreSQL, on loopback, with all files in one folder.

Some parts run in separate Python environments, so this module imports nothing.
"""
