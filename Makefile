# Every check has one name here. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON := build/venv/bin/python
FLEET := 100,1000,10000
export PATH := $(CURDIR)/build/venv/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
export PYTHONPATH := $(CURDIR)/build/collections:$(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help setup demo test unit contract integration simulate lint types docs docs-check sanity ansible-lint
.PHONY: flaps molecule build lab-down scenarios bench-fleet bench-failover bench-switchover

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## system packages, Python environment, collection path
	@tests/tools/setup.sh

demo: setup ## a real failover on this machine; writes build/demo.json
	@$(PYTHON) -m tests.lab.demo

test: lint types unit contract integration ## everything .ci/run runs

unit: setup ## tests of what decides, without a mock
	@$(PYTHON) -m pytest tests/unit

contract: setup ## every adapter against the real server
	@$(PYTHON) -m pytest tests/contract

integration: setup ## failovers in the lab
	@$(PYTHON) -m pytest tests/integration

scenarios: setup ## what must come of each mishap, in the lab, into build/scenarios.json; ROWS=1-24,39 for some rows
	@$(PYTHON) -m tests.scenarios "$(ROWS)"

simulate: setup ## the lease's rules under random partitions; SEEDS=100000 for more of them
	@$(PYTHON) -m tests.simulation --seeds $(or $(SEEDS),20000)

flaps: setup ## random short flaps under load, MINUTES=30 SEED=1; writes build/flaps.json
	@$(PYTHON) -m tests.robustness.flaps --minutes $(or $(MINUTES),30) --seed $(or $(SEED),1)

bench-fleet: setup ## one monitor and ten thousand simulated agents; NODES=100,1000,10000; writes build/fleet.json
	@$(PYTHON) -m tests.fleet --nodes $(or $(NODES),$(FLEET))

bench-failover: setup ## killed primaries, beside the bare cost of the statements; RUNS=20 LAGGING=yes; build/failover.json
	@$(PYTHON) -m tests.bench --runs $(or $(RUNS),20) $(if $(LAGGING),--lagging)

bench-switchover: setup ## switchovers around the ring under 300 writes/s; RUNS=20; writes build/switchover.json
	@$(PYTHON) -m tests.bench.switchover --runs $(or $(RUNS),20)

lint: setup ## one formatter, one linter
	@build/venv/bin/ruff format --check .
	@build/venv/bin/ruff check .

types: setup ## mypy --strict
	@build/venv/bin/mypy -p ansible_collections.altair.mysql_ha.plugins
	@build/venv/bin/mypy tests

docs: setup ## write the generated pages of docs/; check the modules' documentation
	@$(PYTHON) -m tests.tools.pages
	@build/venv/bin/antsibull-docs lint-collection-docs --plugin-docs .

docs-check: setup ## fails when a generated page of docs/ is stale
	@$(PYTHON) -m tests.tools.pages --check

sanity: setup ## ansible-test sanity over a copy; PYTHON_VERSION=3.13 for the newest ansible-core
	@tests/tools/sanity.sh

ansible-lint: setup ## playbooks and roles, production profile
	@build/venv/bin/ansible-lint --offline --profile production

molecule: setup ## the roles on fresh systemd hosts, a killed primary replaced by what they installed
	@extensions/molecule/run.sh

build: setup ## the installable artifact, in build/
	@build/venv/bin/ansible-galaxy collection build --force --output-path build

lab-down: setup ## remove whatever a lab left on this machine
	@$(PYTHON) -m tests.lab down --all
