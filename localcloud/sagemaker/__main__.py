"""`python -m localcloud.sagemaker`: the local SageMaker, until SIGTERM or SIGINT."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from localcloud.access_key import AccessKey
from localcloud.sagemaker.configuration import Configuration
from localcloud.sagemaker.server import open_server
from localcloud.sagemaker.service import LocalSageMaker

_REPOSITORY = Path(__file__).resolve().parents[2]
logger = logging.getLogger("localcloud.sagemaker")


def _parse(arguments: list[str]) -> Configuration:
    parser = argparse.ArgumentParser(prog="python -m localcloud.sagemaker", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--events-url", required=True, help="EventBridge and CloudWatch Logs of the emulator")
    parser.add_argument("--s3-url", required=True, help="S3 of the emulator")
    parser.add_argument("--home", type=Path, required=True, help="folder for state, logs and working files")
    parser.add_argument(
        "--interpreter",
        type=Path,
        default=_REPOSITORY / ".venvs" / "sagemaker" / "bin" / "python",
        help="Python that runs jobs and inference code",
    )
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--account", default="000000000000")
    parser.add_argument("--stop-grace-seconds", type=float, default=120.0, help="from SIGTERM to SIGKILL, as in AWS")
    chosen = parser.parse_args(arguments)
    interpreter = chosen.interpreter.absolute()  # not resolved: a virtual environment's python is a link
    if not interpreter.is_file():
        parser.error(f"no such interpreter: {interpreter}")
    return Configuration(
        port=chosen.port,
        events_url=chosen.events_url,
        s3_url=chosen.s3_url,
        home=chosen.home.resolve(),
        interpreter=interpreter,
        key=AccessKey(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]),
        region=chosen.region,
        account=chosen.account,
        stop_grace_seconds=chosen.stop_grace_seconds,
    )


def main(arguments: list[str]) -> int:
    """Serve until a signal; 0 after a clean stop, 1 when the port is taken."""
    configuration = _parse(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr, force=True
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)
    configuration.home.mkdir(parents=True, exist_ok=True)
    service = LocalSageMaker(configuration)
    try:
        server = open_server(service)
    except (OSError, SystemExit) as error:
        logger.error("can't listen on %s:%s: %s", configuration.host, configuration.port, error)
        return 1

    def end(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    service.start()
    logger.info("listening on http://%s:%s", configuration.host, configuration.port)
    try:
        server.serve_forever()
    finally:
        service.stop()
        server.server_close()
    logger.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
