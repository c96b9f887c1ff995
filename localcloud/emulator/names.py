"""What the emulator and the one who starts it must spell alike. Imports nothing: each lives in another environment."""

FUNCTION_PYTHON_VARIABLE = "LOCALCLOUD_FUNCTION_PYTHON"
CHECKPOINT_STAMP = "checkpoint"
CHECKPOINT_SECONDS_VARIABLE = "LOCALCLOUD_CHECKPOINT_SECONDS"
WORKER_LIMIT_VARIABLE = "LOCALCLOUD_WORKER_LIMIT"
RESUMED_VARIABLE = "LOCALCLOUD_RESUMED_MACHINES"  # parts of the names of state machines, with spaces between
INTERRUPTED = "States.ServiceRestart"  # the error of an execution that a kill cut off
