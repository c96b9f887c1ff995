"""Write local_invoke.yaml, the template that a plain `sam local invoke` reads. `make templates` runs it.

It needs no deployed stack: each variable that a stack computes has a stand-in value here, and a stand-in for AWS runs
inside the function's container, so that no sample event reaches an account. `bellwether local-template` writes the
template of a deployed stack.
"""

from pathlib import Path

import yaml

from localcloud.flat_template import flatten_sources, layer
from stacks.limits import limits

STACKS = Path(__file__).parent
TEMPLATE = STACKS.parent / "local_invoke.yaml"
BUILD = Path(".aws-sam/build")  # relative to the template, where `sam build` writes
STAND_IN_LAYER = "StandInLayer"
ACCOUNT, REGION = "000000000000", "us-east-1"
_HEADING = "# All functions as `sam build` builds them, for `sam local invoke`; written by `make templates`.\n"

STAND_INS = {
    "DATABASE_SECRET_ID": "ops-pipeline/db",
    "APPLICATION_SECRET_ID": "ops-pipeline/db-application",
    "DATABASE_SSLMODE": "prefer",
    "DATA_BUCKET": f"fred-fintech-data-{ACCOUNT}",
    "CAPTURE_QUEUE_URL": f"http://127.0.0.1:9/{ACCOUNT}/captures",
    "ENVIRONMENT": "local",
    "COST_CENTER": "local",
    "FRED_SOURCE": "pack",
    "FRED_API_KEY_SECRET_ID": "bellwether/fred",
    "INFERENCE_IMAGE": "sagemaker-xgboost:3.2-0",
    "ENDPOINT_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/bellwether-endpoint",
    "DEPLOY_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:deploy-model",
    "JUDGE_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:judge-experiments",
    "TRAINING_INSTANCE_TYPE": "ml.m5.large",
    "TRAINING_TIME_LIMIT_SECONDS": "1800",
    "RETRAIN_COOLDOWN_DAYS_MAX": "365",
    "FEED_CONTACT": "",
    "COST_DATABASE": "bellwether_local_costs",
    "COST_EXPORT": "",
    "COST_CENTER_TAGS": "CostCenter",
    "TRADING_MODE": "dry-run",
    "MARKET_HOURS": "nyse",
    **{limit.variable: limit.default for limit in limits()},
    "ALPACA_SECRET_ID": "",
    "ALLOW_PRIVATE_HOSTS": "false",
    "MARKET_DATA_URL": "http://127.0.0.1:9",
    "MARKET_DATA_FEED": "iex",
}


def template() -> str:
    """The text of local_invoke.yaml."""
    flat = flatten_sources(STACKS, BUILD, STAND_INS)
    for resource in flat["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Handler"] = "stand_in_aws.handler"
            resource["Properties"]["Layers"].append({"Ref": STAND_IN_LAYER})
    flat["Resources"][STAND_IN_LAYER] = layer(Path("localcloud/stand_in_layer"))
    return _HEADING + yaml.safe_dump(flat, sort_keys=False, width=120)


if __name__ == "__main__":
    TEMPLATE.write_text(template())
