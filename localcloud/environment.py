"""What our programs see of the caller's environment: as little as they need, nothing of the caller's AWS account."""

import os
from collections.abc import Mapping
from pathlib import Path

from localcloud.access_key import AccessKey

REGION = "us-east-1"
ACCOUNT = "000000000000"

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_LOCAL_HOSTS = "127.0.0.1,localhost"
_LEFT_OUT = ("AWS_", "PG", "PYTHON")  # an account, a database, and settings that would change how sam runs


def clean(caller: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For services and functions: PATH, locale, certificates and proxies of the caller, nothing else."""
    return {name: caller[name] for name in (*_PASSED_ON, *_PROXIES) if name in caller} | _no_proxy(caller)


def without_account(caller: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For `sam`: everything (pip's settings, caches) but the caller's AWS, Postgres and Python settings."""
    kept = {name: value for name, value in caller.items() if not name.startswith(_LEFT_OUT)}
    return kept | _no_proxy(caller)


def local_aws(aws_url: str, sagemaker_url: str, key: AccessKey) -> dict[str, str]:
    """What points an AWS SDK at the local cloud, with credentials that work nowhere else."""
    return {
        "AWS_ACCESS_KEY_ID": key.key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ENDPOINT_URL_SAGEMAKER": sagemaker_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": sagemaker_url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def scratch(folder: Path) -> dict[str, str]:
    """Temporary files, and the files that libraries look for in a home directory, go to `folder`."""
    return {"TMPDIR": str(folder), "HOME": str(folder)}


def _no_proxy(caller: Mapping[str, str]) -> dict[str, str]:
    if not any(caller.get(name) for name in _PROXIES):
        return {}
    listed = caller.get("NO_PROXY") or caller.get("no_proxy") or ""
    value = ",".join(filter(None, (listed, _LOCAL_HOSTS)))
    return {"NO_PROXY": value, "no_proxy": value}
