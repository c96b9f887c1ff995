"""Start the emulator: `python -m localcloud.emulator` with ministack's interpreter and a clean environment."""

import os

from localcloud.emulator import loopback

loopback.apply()  # before ministack is imported: it must not see another socket class

from localcloud.emulator import (  # noqa: E402
    access_control,
    athena,
    batch_windows,
    checkpoints,
    custom_resources,
    event_sources,
    handler_errors,
    interpreter,
    interrupted,
    nested_stacks,
    parameter_size,
    patching,
    resource_types,
    task_errors,
    worker_limit,
)


def main() -> None:
    """Close every gap, then hand over to ministack; a patch whose target moved raises before a port is opened."""
    patching.require_supported_version()
    gaps = (handler_errors, task_errors, interpreter, worker_limit, nested_stacks, event_sources, custom_resources)
    for gap in (*gaps, batch_windows, parameter_size, interrupted, checkpoints, athena, access_control):
        gap.apply()
    if sagemaker_url := os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER"):
        from localcloud.emulator import sagemaker_routes

        sagemaker_routes.install(sagemaker_url)
    resource_types.apply()  # last: it fills in only what nobody else has
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
