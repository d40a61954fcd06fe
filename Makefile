# make demo   a browsable atlas of a pretrained network, and of one that is trained here while its features are watched
# make test   set up everything and run the tests
# make check  what must pass before a commit: lint, types, tests
# make wheel  build the archives twice, compare them, and use the wheel in a clean environment
# make lock   pin what pyproject.toml asks for; LOCK_ARGS=--upgrade takes the newest of everything
# make audit  is a vulnerability known in anything that is pinned?
# make ranges run the heart of the tests with the oldest and with the newest packages allowed (long)
# Each target sets up what it needs in .venv; see scripts/setup.sh for PYTHON= and CONVSCOPE_NO_APT=1.

.DEFAULT_GOAL := help
.PHONY: help demo demo-images demo-transfer demo-training test lint types check fuzz wheel lock audit ranges shellcheck clean

BIN := .venv/bin
SHELL_FILES := scripts/*.sh .ci/run

DEMO_MODEL := sample:lite0
DEMO_UNITS := 16
DEMO_LAYERS := _bn0,_blocks.2,_blocks.4,_blocks.7,_blocks.10,_blocks.14,_bn1
DEMO_COMMAND = $(BIN)/convscope atlas $(DEMO_MODEL) demo/images -o demo/atlas $(if $(DEMO_LAYERS),--layers $(DEMO_LAYERS)) --units $(DEMO_UNITS)

DEMO_TRANSFER := --pooled --skip-small --per-class 1,2,5,10
DEMO_RECIPE := --set epochs=2 --set "snapshots=[0,1]" --set "steps=[5,10,20,50,100,200]"

# One thread per worker: the workers already use every core. Only the whole run can reach the floor of coverage.
PYTEST_ARGS ?= --cov --cov-report=term --durations=20
TEST_COMMAND = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 $(PYTEST_ARGS)

help:
	@sed -n 's/^# //p' Makefile | head -n 8

demo-images:
	@sh scripts/setup.sh demo
	@echo "demo: collecting photographs (a few seconds)"
	@$(BIN)/python scripts/demo_images.py demo/images

demo: demo-images
	@echo "demo: building the atlas (a few minutes the first time; stop and run again whenever you like)"
	$(DEMO_COMMAND)
	@$(MAKE) --no-print-directory demo-transfer || echo "demo: going on without it; the reason is above"
	@if $(BIN)/python scripts/demo_fashion.py demo/fashion-mnist; then $(MAKE) --no-print-directory demo-training; fi
	@echo "demo: look at demo/atlas/site/index.html, or browse and ask live: $(BIN)/convscope serve demo/atlas --model $(DEMO_MODEL) --open"

# Where only a few photographs are at hand, classes are too small, and the command says so.
demo-transfer: demo-images
	@echo "demo: whether its features carry over to kinds of photographs: classifiers on each layer (a few minutes)"
	$(BIN)/convscope transfer $(DEMO_MODEL) demo/images -o demo/transfer $(DEMO_TRANSFER)
	@echo "demo: see demo/transfer/report.md; longer ones, with training from scratch, are in docs/reports"

# At most three minutes of training, a picture of how features appear (figure 4), and an atlas of what was learned.
demo-training:
	@echo "demo: training a small network of the paper's form on Fashion-MNIST"
	$(BIN)/convscope train zfnet-small demo/fashion-mnist -o demo/run $(DEMO_RECIPE)
	$(BIN)/convscope evolve demo/run demo/fashion-mnist -o demo/evolution --limit 2000
	$(BIN)/convscope atlas snapshot:demo/run demo/fashion-mnist -o demo/trained --limit 2000 --units $(DEMO_UNITS)

test:
	@sh scripts/setup.sh dev
	$(TEST_COMMAND)

lint:
	@sh scripts/setup.sh dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	@sh scripts/setup.sh dev
	$(BIN)/python -m mypy src tests scripts $(wildcard bench)

# Each reader of files is fed changed ones, FUZZ_MINUTES long; what fails is kept in artefacts/fuzz.
# FUZZ_ARGS="--record FILE" lets the minutes of several sittings add up.
FUZZ_MINUTES ?= 1
FUZZ_ARGS ?=
fuzz:
	@sh scripts/setup.sh dev
	$(BIN)/python scripts/fuzz.py --minutes $(FUZZ_MINUTES) $(FUZZ_ARGS)

# Only where the linter is installed; POSIX sh is otherwise checked by `sh -n` in the tests.
shellcheck:
	shellcheck -x $(SHELL_FILES)

check: lint types test

wheel:
	@sh scripts/setup.sh dev
	@rm -rf dist
	$(BIN)/python scripts/wheel.py dist
	$(BIN)/python scripts/clean_install.py dist/*.whl

lock:
	@sh scripts/setup.sh dev
	sh scripts/lock.sh $(LOCK_ARGS)

audit:
	@sh scripts/setup.sh dev
	$(BIN)/python scripts/audit.py

ranges:
	@sh scripts/setup.sh dev
	sh scripts/ranges.sh oldest
	sh scripts/ranges.sh newest

# Removes what make built, and nothing that you put there.
clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage artefacts dist demo/atlas demo/run demo/evolution demo/trained \
		demo/transfer
