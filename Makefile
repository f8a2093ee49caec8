# The commands of this project. Each makes what it needs first (pyglue/bootstrap.sh says what that is).
.DEFAULT_GOAL := help
ROUNDS = 100
TIME = 600
PYGLUE := .venv/bin/pyglue
SHELL_SCRIPTS = pyglue/bootstrap.sh .ci/run $(wildcard */start */healthy */prepare) \
	images/base/packages images/base/user images/java/jars images/python/environment tests/docker/daemon

help: ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

up: ## install what is missing, start the stack, prove that an event arrives
	@pyglue/bootstrap.sh run
	@$(PYGLUE) up

down: ## stop the stack, keep its data
	@pyglue/bootstrap.sh run
	@$(PYGLUE) down

test: ## run every test that this machine can run
	@pyglue/bootstrap.sh test
	.venv/bin/pytest

lint: ## ruff, mypy, shellcheck; compose file, images and workflows; the files against each other
	@pyglue/bootstrap.sh test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	shellcheck $(SHELL_SCRIPTS)
	.venv/bin/compose-lint check --quiet --skip-suppressed --strict-config --fail-on low docker-compose.yml
	.venv/bin/hadolint */Dockerfile
	.venv/bin/actionlint
	$(PYGLUE) check

bench: ## measure the numbers of docs/numbers.md on this machine
	@pyglue/bootstrap.sh test
	.venv/bin/python -m bench

bench-collector: ## measure what an event costs the collector, beside nginx
	@pyglue/bootstrap.sh bench
	.venv/bin/python -m bench collector

soak: ## 100 rounds of faults under load: is each answered event in Kafka? ROUNDS=N for another number
	@pyglue/bootstrap.sh test
	.venv/bin/python -m bench.soak --rounds $(ROUNDS)

fuzz: ## look for bytes that break, slow or swell the collector: ten minutes, TIME=SECONDS for another time
	@pyglue/bootstrap.sh test
	.venv/bin/python -m tests.fuzz --seconds $(TIME)

lock: ## write the locks anew (requirements*.txt, artifacts.lock)
	@pyglue/bootstrap.sh test
	.venv/bin/python -m pyglue.install.lock

.PHONY: help up down test lint bench bench-collector soak fuzz lock
