# `make` alone prints what there is. Every target sets up what it needs; nothing but Python with pip and make is asked for.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Bytecode is written: otherwise each process compiles every library again, which costs seconds for each.
# Warnings that the caller turned into errors would stop sam and pip; pytest has its own setting.
unexport PYTHONDONTWRITEBYTECODE PYTHONWARNINGS

UV_VERSION := 0.13.8
UV := .venvs/uv/bin/uv
BIN := .venv/bin
SAM := PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 .venvs/sam/bin/sam
LOCK := uv.lock pyproject.toml
DEVELOPMENT_TESTS := $(addprefix tests/model/test_, bench.py housing_bench.py recession.py) # need more than the container has

# --- for everyone ----------------------------------------------------------------------------------------------------

.PHONY: help
help: ## print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.PHONY: demo
demo: cloud ## run the whole system on this machine: FRED files in, an approved model's prediction out
	$(BIN)/bellwether demo

.PHONY: up down reset
up: cloud ## start the embedded cloud and deploy the stack into it
	$(BIN)/bellwether up
down: cloud ## stop the embedded cloud, keeping its state
	$(BIN)/bellwether down
reset: cloud ## stop the embedded cloud and forget its state
	$(BIN)/bellwether reset --yes

# --- for developers --------------------------------------------------------------------------------------------------

.PHONY: test
test: ## lint and run every test, the end-to-end tests on the embedded cloud included
	$(MAKE) --jobs=2 --keep-going --output-sync=line test-cloud lint test-jobs test-parts

.PHONY: test-fast
test-fast: dev ## run the unit and contract tests that take no seconds: the tests to run after each edit
	HYPOTHESIS_PROFILE=fast $(BIN)/python -m pytest -m "not slow and not shared_data" tests/unit tests/contract

.PHONY: test-cloud
test-cloud: ## run the tests on the embedded cloud
	$(BIN)/python -m pytest -m aws tests/e2e tests/integration/localcloud

.PHONY: test-parts
test-parts: ## run the tests without the embedded cloud; of the jobs' tests those that `test-jobs` skips
	$(BIN)/python -m pytest -m "not aws" --ignore=tests/model
	$(BIN)/python -m pytest $(DEVELOPMENT_TESTS)

.PHONY: test-jobs
test-jobs: sagemaker ## run the training job's tests with the SageMaker container's library versions
	.venvs/sagemaker/bin/python -m pytest tests/model

.PHONY: test-containers
test-containers: cloud dev build ## run every function with its sample events in real containers (needs Docker)
	$(BIN)/python -m tests.containers.run

.PHONY: lint
lint: dev sam ## ruff, mypy strict, import rules, template validation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(SAM) validate --lint --region us-east-1 # the nested stacks: tests/contract/test_templates.py, with more rules

.PHONY: format
format: dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: build
build: dev sam ## sam build, then print the unzipped sizes against Lambda's limit
	$(SAM) build --cached --parallel
	$(BIN)/python -m bench.lambda_sizes

.PHONY: bench-macro
bench-macro: dev ## UNRATE forecasts beside random walk and AR, recessions beside a probit, in one run
	$(BIN)/python -m bench.macro

.PHONY: bench-housing
bench-housing: dev ## house prices on a chronological split, frozen and online, beside LightGBM and the median of the place
	$(BIN)/python -m bench.housing

.PHONY: bench-drift
bench-drift: dev .venvs/evidently.stamp ## false alarms and power of the drift monitor beside fixed PSI, KS and Evidently
	$(BIN)/python -m bench.drift

.PHONY: bench-experiments
bench-experiments: dev ## champion against challenger under a look after every point, beside peeked and fixed t-tests
	$(BIN)/python -m bench.experiments

.PHONY: bench-cost
bench-cost: dev .venvs/statsforecast.stamp ## month-end spend beside public tools' rules and statsforecast, budgets, M4 and M3
	$(BIN)/python -m bench.cost

.PHONY: model-fidelity
model-fidelity: dev ## train the spend model on simulated bills; fails when it errs more than its baselines
	$(BIN)/python -m bench.model_fidelity

.PHONY: bench-news
bench-news: dev ## feeds to rows, signals, sentiment and tickers, each beside a peer in one run
	$(BIN)/python -m bench.news
	$(BIN)/python -m bench.news_signals
	$(BIN)/python -m bench.dispatch
	$(BIN)/python -m bench.sentiment

.PHONY: bench-feeds
bench-feeds: dev ## 200 feeds in one stack: time of a run, rows, and cost a month
	$(BIN)/python -m bench.feeds

.PHONY: bench-costs
bench-costs: dev ## a month of a million line items through the refresh of cost data, alone and beside nine others
	$(BIN)/python -m bench.costs_refresh

.PHONY: bench-cold
bench-cold: cloud dev build ## what each function loads before its first event, beside a Powertools hello world
	$(BIN)/python -m bench.cold_start

.PHONY: readme
readme: dev ## write the README's generated tables
	$(BIN)/python -m docs.reference

.PHONY: image-registry
image-registry: dev ## write the XGBoost image's registries into stacks/models.yaml, from sagemaker-core's data
	$(BIN)/python -m docs.image_registry

.PHONY: templates
templates: dev ## write what the templates repeat per model, from the catalogue, and local_invoke.yaml
	$(BIN)/python -m stacks.generate
	$(BIN)/python -m stacks.local_invoke

.PHONY: layer-requirements
layer-requirements: $(UV) ## export the Lambda layer's requirements from uv.lock
	$(UV) export --quiet --frozen --only-group layer --no-hashes --no-header --no-annotate \
		$(addprefix --no-emit-package ,botocore jmespath python-dateutil six urllib3 tzdata) \
		| sed -E 's/ ;.*//' > layers/powertools/requirements.txt

.PHONY: clean
clean: ## remove environments and everything built (not the embedded cloud's state)
	rm -rf .venv .venvs .aws-sam build

# --- environments: one lock, apart where pins clash ------------------------------------------------------------------

.PHONY: cloud dev sagemaker sam
cloud: .venvs/cli.stamp .venvs/runtime.stamp .venvs/sagemaker.stamp .venvs/sam.stamp .venvs/ministack.stamp
dev: .venvs/dev.stamp
sagemaker: .venvs/sagemaker.stamp
sam: .venvs/sam.stamp
test test-fast test-cloud test-parts: cloud dev

$(UV):
	python3 -m venv .venvs/uv
	.venvs/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venvs/cli.stamp: $(LOCK) | $(UV)
	$(UV) sync --quiet --frozen --inexact --no-default-groups --group cli
	touch $@

.venvs/dev.stamp: $(LOCK) | $(UV)
	$(UV) sync --quiet --frozen
	touch $@ .venvs/cli.stamp

.venvs/%.stamp: $(LOCK) | $(UV)
	UV_PROJECT_ENVIRONMENT=.venvs/$* $(UV) sync --quiet --frozen --only-group $*
	touch $@
