"""What services and sam see of the caller's environment."""

from localcloud import environment
from localcloud.access_key import AccessKey

CALLER = {
    "PATH": "/bin",
    "AWS_PROFILE": "company",
    "PGPASSWORD": "secret",
    "PYTHONPATH": "/modules",
    "PYTHONWARNINGS": "error",
    "PIP_INDEX_URL": "https://example.org/simple",
}


def test_services_get_the_path_and_nothing_else() -> None:
    assert environment.clean(CALLER) == {"PATH": "/bin"}


def test_sam_keeps_pips_settings_but_no_account() -> None:
    assert environment.without_account(CALLER) == {
        "PATH": "/bin",
        "PIP_INDEX_URL": "https://example.org/simple",
    }


def test_a_proxy_is_passed_on_but_never_used_for_this_machine() -> None:
    # Given a caller behind a proxy, with an exception of his own
    caller = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "intranet"}
    # When the environment is cleaned, then loopback is excepted as well
    seen = environment.clean(caller)
    assert seen["HTTPS_PROXY"] == "http://proxy:3128"
    assert seen["NO_PROXY"] == seen["no_proxy"] == "intranet,127.0.0.1,localhost"


def test_the_local_aws_is_reached_with_credentials_that_work_nowhere_else() -> None:
    seen = environment.local_aws("http://a", "http://s", AccessKey("id", "secret"))
    assert (seen["AWS_ENDPOINT_URL"], seen["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"]) == ("http://a", "http://s")
    assert seen["AWS_CONFIG_FILE"] == "/dev/null"
